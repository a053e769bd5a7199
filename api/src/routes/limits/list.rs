use axum::Json;
use axum::extract::State;
use domain::limits::{Channel, LimitTarget};

use super::asked_limit::AskedChannel;
use crate::error::Failures;
use crate::extract::{Page, Reader};
use crate::views::LimitView;
use crate::{ApiError, ApiState};

/// List what holds for you.
///
/// First what holds where nothing else is said, then every exception.
#[utoipa::path(get, path = "/v1/limits", tag = "limits", operation_id = "list_limits",
    params(("channel" = Option<Channel>, Query)), security(("api_key" = ["read"])),
    responses((status = 200, body = Page<LimitView>), Failures))]
pub async fn list(
    State(state): State<ApiState>,
    caller: Reader,
    AskedChannel(channel): AskedChannel,
) -> Result<Json<Page<LimitView>>, ApiError> {
    let mut rows = state.store.limits().of_tenant(caller.tenant).await?;
    rows.retain(|row| row.set.channel == channel);
    let general = LimitTarget::general(caller.tenant);
    let mut data: Vec<LimitView> = general
        .iter()
        .map(|target| match rows.iter().find(|row| row.set.target == *target) {
            Some(row) => LimitView::set(row),
            None => LimitView::default_of(target, channel),
        })
        .collect();
    let keyed = rows.iter().filter(|row| !general.contains(&row.set.target));
    data.extend(keyed.map(LimitView::set));
    Ok(Json(Page { data, next_cursor: None }))
}
