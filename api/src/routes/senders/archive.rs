use axum::Json;
use axum::extract::State;
use domain::ids::SenderId;

use crate::error::Failures;
use crate::extract::{Id, Manager, Named};
use crate::pausing::{Paused, pause};
use crate::views::SenderBody;
use crate::{ApiError, ApiState};

/// Archive a sender for good.
///
/// It takes no more messages, and nothing leaves from it after the answer; what waits for it fails. Repeating it changes
/// nothing.
#[utoipa::path(post, path = "/v1/senders/{id}/archive", tag = "senders", operation_id = "archive_sender",
    params(("id" = SenderId, Path)), security(("api_key" = ["manage"])),
    responses((status = 200, body = SenderBody), Failures))]
pub async fn archive(
    State(state): State<ApiState>,
    caller: Manager,
    Id(id): Id<SenderId>,
) -> Result<Json<SenderBody>, ApiError> {
    let senders = state.store.senders();
    // Stopped first, so that nothing is past the point of no return; then let go, so that what waits can fail.
    pause(&state.store, Paused::Sender(caller.tenant, id), &caller.pauses_as(), "it is being archived").await?;
    if !senders.archive(caller.tenant, id).await? {
        return Err(SenderId::missing());
    }
    senders.resume(caller.tenant, id, true).await?;
    let stored = senders.find(caller.tenant, id).await?.ok_or_else(SenderId::missing)?;
    Ok(Json(stored.into()))
}
