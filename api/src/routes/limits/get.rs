use axum::Json;
use axum::extract::State;
use domain::limits::{Channel, LimitTarget, Scope};

use super::asked_limit::AskedLimit;
use crate::error::Failures;
use crate::views::LimitView;
use crate::{ApiError, ApiState};

/// See what holds for a scope where nothing else is said.
#[utoipa::path(get, path = "/v1/limits/{scope}", tag = "limits", operation_id = "get_limit",
    params(("scope" = Scope, Path), ("channel" = Option<Channel>, Query)), security(("api_key" = ["read"])),
    responses((status = 200, body = LimitView), Failures))]
pub async fn get(State(state): State<ApiState>, asked: AskedLimit) -> Result<Json<LimitView>, ApiError> {
    view(&state, &asked).await.map(Json)
}

pub(super) async fn view(state: &ApiState, asked: &AskedLimit) -> Result<LimitView, ApiError> {
    let AskedLimit { caller, target, channel } = asked;
    let rows = state.store.limits().of_tenant(caller.tenant).await?;
    let set = |target: &LimitTarget| rows.iter().find(|row| row.set.channel == *channel && row.set.target == *target);
    let general = match target {
        LimitTarget::Domain(tenant, _) => set(&LimitTarget::Domains(*tenant)),
        LimitTarget::Sender(tenant, _) => set(&LimitTarget::Senders(*tenant)),
        _ => None,
    };
    Ok(match (set(target), general) {
        (Some(row), _) => LimitView::set(row),
        (None, Some(row)) => LimitView::set_for_all(row, target),
        (None, None) => LimitView::default_of(target, *channel),
    })
}
