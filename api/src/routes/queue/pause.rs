use axum::Json;
use axum::body::Body;
use axum::extract::State;
use domain::ids::TenantId;

use crate::error::Failures;
use crate::extract::{Manager, Named};
use crate::pausing::{Paused, pause as pause_it};
use crate::views::{PauseBody, PauseView};
use crate::{ApiError, ApiState};

/// Stop all sending of your tenant.
///
/// Nothing leaves after the answer, which takes at most 5.5 s. What waits keeps its place.
#[utoipa::path(post, path = "/v1/queue/pause", tag = "queue", operation_id = "pause_queue",
    request_body = Option<PauseBody>, security(("api_key" = ["manage"])),
    responses((status = 200, body = PauseView), Failures))]
pub async fn pause(State(state): State<ApiState>, caller: Manager, body: Body) -> Result<Json<PauseView>, ApiError> {
    let reason = PauseBody::read(body).await?.reason;
    let answer = pause_it(&state.store, Paused::Tenant(caller.tenant), &caller.pauses_as(), &reason).await?;
    PauseView::paused(answer).map(Json).ok_or_else(TenantId::missing)
}
