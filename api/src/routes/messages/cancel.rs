use axum::Json;
use axum::extract::State;
use domain::ids::MessageId;
use domain::messages::MessageState;
use serde::Serialize;
use store::messages::CancelAnswer;
use utoipa::ToSchema;

use crate::error::Failures;
use crate::extract::{Id, Mailer, Named};
use crate::{ApiError, ApiState};

#[derive(Serialize, ToSchema)]
pub struct CanceledView {
    id: MessageId,
    state: MessageState,
}

/// Call off a message.
///
/// As long as it is not past the point of no return; then 409. Canceling twice is fine.
#[utoipa::path(post, path = "/v1/messages/{id}/cancel", tag = "messages", operation_id = "cancel_message",
    params(("id" = MessageId, Path)), security(("api_key" = ["send"])),
    responses((status = 200, body = CanceledView), Failures))]
pub async fn cancel(
    State(state): State<ApiState>,
    caller: Mailer,
    Id(id): Id<MessageId>,
) -> Result<Json<CanceledView>, ApiError> {
    match state.store.messages().cancel_message(caller.tenant, id).await? {
        CancelAnswer::Canceled => Ok(Json(CanceledView { id, state: MessageState::Canceled })),
        CancelAnswer::TooLate(state) => Err(ApiError::conflict(format!("it is too late: the message is {state}"))),
        CancelAnswer::Missing => Err(MessageId::missing()),
    }
}
