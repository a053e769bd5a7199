use axum::Json;
use axum::body::Body;
use axum::extract::State;
use domain::ids::SenderId;

use crate::error::Failures;
use crate::extract::{Id, Manager, Named};
use crate::pausing::{Paused, pause as pause_it};
use crate::views::{PauseBody, PauseView};
use crate::{ApiError, ApiState};

/// Stop a sender.
///
/// Nothing leaves from it after the answer, which takes at most 5.5 s. What waits keeps its place.
#[utoipa::path(post, path = "/v1/senders/{id}/pause", tag = "senders", operation_id = "pause_sender",
    params(("id" = SenderId, Path)), request_body = Option<PauseBody>, security(("api_key" = ["manage"])),
    responses((status = 200, body = PauseView), Failures))]
pub async fn pause(
    State(state): State<ApiState>,
    caller: Manager,
    Id(id): Id<SenderId>,
    body: Body,
) -> Result<Json<PauseView>, ApiError> {
    let reason = PauseBody::read(body).await?.reason;
    let answer = pause_it(&state.store, Paused::Sender(caller.tenant, id), &caller.pauses_as(), &reason).await?;
    PauseView::paused(answer).map(Json).ok_or_else(SenderId::missing)
}
