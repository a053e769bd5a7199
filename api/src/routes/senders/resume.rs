use axum::Json;
use axum::extract::State;
use domain::ids::SenderId;

use crate::error::Failures;
use crate::extract::{Id, Manager, Named};
use crate::pausing::{Paused, resume as resume_it};
use crate::views::PauseView;
use crate::{ApiError, ApiState};

/// Let a sender go on where it stood.
///
/// What an operator paused only an operator lets go on. Resuming one that is not paused changes nothing.
#[utoipa::path(post, path = "/v1/senders/{id}/resume", tag = "senders", operation_id = "resume_sender",
    params(("id" = SenderId, Path)), security(("api_key" = ["manage"])),
    responses((status = 200, body = PauseView), Failures))]
pub async fn resume(
    State(state): State<ApiState>,
    caller: Manager,
    Id(id): Id<SenderId>,
) -> Result<Json<PauseView>, ApiError> {
    let answer = resume_it(&state.store, Paused::Sender(caller.tenant, id), caller.rights.operator).await?;
    PauseView::resumed(answer)?.map(Json).ok_or_else(SenderId::missing)
}
