use axum::Json;
use axum::extract::{Path, Query, State};
use domain::limits::LimitTarget;

use super::target::{ChannelQuery, target};
use crate::extract::Caller;
use crate::views::LimitView;
use crate::{ApiError, ApiState};

/// `GET /v1/limits/{scope}`: what holds for a scope where nothing else is said.
pub async fn get(
    state: State<ApiState>,
    caller: Caller,
    Path(scope): Path<String>,
    query: Query<ChannelQuery>,
) -> Result<Json<LimitView>, ApiError> {
    get_one(state, caller, Path((scope, String::new())), query).await
}

/// `GET /v1/limits/{scope}/{key}`: what holds for one domain or sender.
pub async fn get_one(
    State(state): State<ApiState>,
    caller: Caller,
    Path((scope, key)): Path<(String, String)>,
    Query(query): Query<ChannelQuery>,
) -> Result<Json<LimitView>, ApiError> {
    let channel = query.channel()?;
    let asked = target(&state, &caller, &scope, &key).await?;
    view(&state, &caller, &asked, channel).await.map(Json)
}

pub(super) async fn view(
    state: &ApiState,
    caller: &Caller,
    asked: &LimitTarget,
    channel: domain::limits::Channel,
) -> Result<LimitView, ApiError> {
    let rows = state.store.limits().of_tenant(caller.tenant).await?;
    let set = |target: &LimitTarget| rows.iter().find(|row| row.set.channel == channel && row.set.target == *target);
    let general = match asked {
        LimitTarget::Domain(tenant, _) => set(&LimitTarget::Domains(*tenant)),
        LimitTarget::Sender(tenant, _) => set(&LimitTarget::Senders(*tenant)),
        _ => None,
    };
    Ok(match (set(asked), general) {
        (Some(row), _) => LimitView::set(row),
        (None, Some(row)) => LimitView::set_for_all(row, asked),
        (None, None) => LimitView::default_of(asked, channel),
    })
}
