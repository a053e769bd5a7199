use axum::Json;
use axum::extract::{Path, State};
use domain::ids::MessageId;

use crate::explain::explain;
use crate::extract::Caller;
use crate::views::MessageBody;
use crate::{ApiError, ApiState};

/// `GET /v1/messages/{id}`: a message, what happened to it, and why it is not sent yet.
pub async fn get(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<MessageBody>, ApiError> {
    let id = message_id(&id)?;
    let found = state.store.messages().find_message(caller.tenant, id).await?.ok_or_else(no_such_message)?;
    let waiting = if found.state.is_final() {
        None
    } else {
        explain(&state.store, &state.queue, &state.limits, caller.tenant, id).await?.and_then(|told| told.waiting)
    };
    Ok(Json(MessageBody::new(found, waiting)))
}

/// An id of another form is nobody's message.
pub(super) fn message_id(text: &str) -> Result<MessageId, ApiError> {
    text.parse().map_err(|_| no_such_message())
}

pub(super) fn no_such_message() -> ApiError {
    ApiError::not_found("you have no such message")
}
