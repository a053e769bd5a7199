use axum::Json;
use axum::extract::State;
use domain::address::Address;

use crate::error::Failures;
use crate::extract::{Id, Named, Reader};
use crate::views::SuppressionView;
use crate::{ApiError, ApiState};

/// See whether an address is suppressed, and why.
#[utoipa::path(get, path = "/v1/suppressions/{id}", tag = "suppressions", operation_id = "get_suppression",
    params(("id" = String, Path, description = "The address.")), security(("api_key" = ["read"])),
    responses((status = 200, body = SuppressionView), Failures))]
pub async fn get(
    State(state): State<ApiState>,
    caller: Reader,
    Id(address): Id<Address>,
) -> Result<Json<SuppressionView>, ApiError> {
    let found = state.store.suppressions().find(caller.tenant, &address).await?.ok_or_else(Address::missing)?;
    Ok(Json(found.into()))
}
