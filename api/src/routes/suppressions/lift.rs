use axum::extract::State;
use axum::http::StatusCode;
use domain::address::Address;

use crate::error::Failures;
use crate::extract::{Id, Manager, Named};
use crate::{ApiError, ApiState};

/// Let an address be mailed again.
///
/// What ended as suppressed stays so.
#[utoipa::path(delete, path = "/v1/suppressions/{id}", tag = "suppressions", operation_id = "lift_suppression",
    params(("id" = String, Path, description = "The address.")), security(("api_key" = ["manage"])),
    responses((status = 204), Failures))]
pub async fn lift(
    State(state): State<ApiState>,
    caller: Manager,
    Id(address): Id<Address>,
) -> Result<StatusCode, ApiError> {
    if state.store.suppressions().lift(caller.tenant, &address).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Address::missing())
    }
}
