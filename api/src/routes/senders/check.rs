use axum::Json;
use axum::extract::State;
use domain::ids::SenderId;

use crate::checking::{CheckView, check_sender};
use crate::error::Failures;
use crate::extract::{Id, Manager, Named};
use crate::{ApiError, ApiState};

/// Try a sender's account.
///
/// Connects, authenticates, and asks the server whether it takes mail from the address. Nothing is sent.
#[utoipa::path(post, path = "/v1/senders/{id}/check", tag = "senders", operation_id = "check_sender",
    params(("id" = SenderId, Path)), security(("api_key" = ["manage"])),
    responses((status = 200, body = CheckView), Failures))]
pub async fn check(
    State(state): State<ApiState>,
    caller: Manager,
    Id(id): Id<SenderId>,
) -> Result<Json<CheckView>, ApiError> {
    let _place = state.checks.try_acquire().map_err(|_| ApiError::unavailable())?;
    let checked = check_sender(&state.store, &state.options, caller.tenant, id).await?;
    checked.map(Json).ok_or_else(SenderId::missing)
}
