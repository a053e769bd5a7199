use axum::Json;
use axum::extract::State;
use domain::ids::MessageId;

use crate::error::Failures;
use crate::explain::explain;
use crate::extract::{Id, Named, Reader};
use crate::views::MessageBody;
use crate::{ApiError, ApiState};

/// See a message, what happened to it, and why it is not sent yet.
#[utoipa::path(get, path = "/v1/messages/{id}", tag = "messages", operation_id = "get_message",
    params(("id" = MessageId, Path)), security(("api_key" = ["read"])),
    responses((status = 200, body = MessageBody), Failures))]
pub async fn get(
    State(state): State<ApiState>,
    caller: Reader,
    Id(id): Id<MessageId>,
) -> Result<Json<MessageBody>, ApiError> {
    let found = state.store.messages().find_message(caller.tenant, id).await?.ok_or_else(MessageId::missing)?;
    let waiting = if found.state.is_final() {
        None
    } else {
        explain(&state.store, &state.queue, &state.limits, caller.tenant, id).await?.and_then(|told| told.waiting)
    };
    Ok(Json(MessageBody::new(found, waiting)))
}
