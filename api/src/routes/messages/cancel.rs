use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};
use store::messages::CancelAnswer;

use super::get::{message_id, no_such_message};
use crate::extract::Caller;
use crate::{ApiError, ApiState};

/// `POST /v1/messages/{id}/cancel`: calls a message off, as long as it is not past the point of no return.
pub async fn cancel(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let id = message_id(&id)?;
    match state.store.messages().cancel_message(caller.tenant, id).await? {
        CancelAnswer::Canceled => Ok(Json(json!({"id": id, "state": "canceled"}))),
        CancelAnswer::TooLate(state) => Err(ApiError::conflict(format!("it is too late: the message is {state}"))),
        CancelAnswer::Missing => Err(no_such_message()),
    }
}
