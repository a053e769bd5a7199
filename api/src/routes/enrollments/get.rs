use axum::Json;
use axum::extract::State;
use domain::ids::EnrollmentId;

use crate::error::Failures;
use crate::extract::{Id, Named, Reader};
use crate::views::EnrollmentBody;
use crate::{ApiError, ApiState};

/// Get an enrollment.
#[utoipa::path(get, path = "/v1/enrollments/{id}", tag = "enrollments", operation_id = "get_enrollment",
    params(("id" = EnrollmentId, Path)), security(("api_key" = ["read"])),
    responses((status = 200, body = EnrollmentBody), Failures))]
pub async fn get(
    State(state): State<ApiState>,
    caller: Reader,
    Id(id): Id<EnrollmentId>,
) -> Result<Json<EnrollmentBody>, ApiError> {
    let found = state.store.enrollments().find(caller.tenant, id).await?.ok_or_else(EnrollmentId::missing)?;
    Ok(Json(found.into()))
}
