use axum::Json;
use axum::extract::State;
use domain::ids::SenderId;

use crate::error::Failures;
use crate::extract::{Id, Named, Reader};
use crate::views::SenderBody;
use crate::{ApiError, ApiState};

/// See a sender.
#[utoipa::path(get, path = "/v1/senders/{id}", tag = "senders", operation_id = "get_sender",
    params(("id" = SenderId, Path)), security(("api_key" = ["read"])),
    responses((status = 200, body = SenderBody), Failures))]
pub async fn get(
    State(state): State<ApiState>,
    caller: Reader,
    Id(id): Id<SenderId>,
) -> Result<Json<SenderBody>, ApiError> {
    let found = state.store.senders().find(caller.tenant, id).await?.ok_or_else(SenderId::missing)?;
    Ok(Json(found.into()))
}
