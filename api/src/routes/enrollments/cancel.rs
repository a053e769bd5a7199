use axum::Json;
use axum::extract::State;
use domain::ids::EnrollmentId;
use store::enrollments::EndAnswer;

use crate::error::Failures;
use crate::extract::{Id, Mailer, Named};
use crate::views::EnrollmentBody;
use crate::{ApiError, ApiState};

/// Call an enrollment off.
///
/// Its timers and messages are canceled with it; only what was past the point of no return still leaves. One that has ended
/// stays as it ended.
#[utoipa::path(post, path = "/v1/enrollments/{id}/cancel", tag = "enrollments", operation_id = "cancel_enrollment",
    params(("id" = EnrollmentId, Path)), security(("api_key" = ["send"])),
    responses((status = 200, body = EnrollmentBody), Failures))]
pub async fn cancel(
    State(state): State<ApiState>,
    caller: Mailer,
    Id(id): Id<EnrollmentId>,
) -> Result<Json<EnrollmentBody>, ApiError> {
    let (enrollments, ids) = (state.store.enrollments(), state.ids.clone());
    if enrollments.cancel(caller.tenant, id, &|| ids.next()).await? == EndAnswer::NotFound {
        return Err(EnrollmentId::missing());
    }
    let found = enrollments.find(caller.tenant, id).await?.ok_or_else(EnrollmentId::missing)?;
    Ok(Json(found.into()))
}
