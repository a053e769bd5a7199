use axum::Json;
use axum::extract::State;
use domain::ids::BulkId;

use crate::error::Failures;
use crate::extract::{Id, Named, Reader};
use crate::views::BulkBody;
use crate::{ApiError, ApiState};

/// How far a stream of contacts came.
#[utoipa::path(get, path = "/v1/bulk-enrollments/{id}", tag = "enrollments", operation_id = "get_bulk_enrollment",
    params(("id" = BulkId, Path)), security(("api_key" = ["read"])),
    responses((status = 200, body = BulkBody), Failures))]
pub async fn get_bulk(
    State(state): State<ApiState>,
    caller: Reader,
    Id(id): Id<BulkId>,
) -> Result<Json<BulkBody>, ApiError> {
    let found = state.store.enrollments().find_bulk(caller.tenant, id).await?.ok_or_else(BulkId::missing)?;
    Ok(Json(found.into()))
}
