use axum::Json;
use axum::body::Body;
use axum::extract::State;

use super::repair::{FailedBody, Repair, RepairedCount, walk};
use crate::error::Failures;
use crate::extract::Manager;
use crate::{ApiError, ApiState};

/// Try failed messages again.
///
/// Those that failed for certain: `failed` and `quarantined`, never `unknown`, which may have been sent. Their tries
/// begin anew.
#[utoipa::path(post, path = "/v1/queue/retry-failed", tag = "queue", operation_id = "retry_failed",
    request_body = Option<FailedBody>, security(("api_key" = ["manage"])),
    responses((status = 200, body = RepairedCount), Failures))]
pub async fn retry_failed(
    State(state): State<ApiState>,
    caller: Manager,
    body: Body,
) -> Result<Json<RepairedCount>, ApiError> {
    let filter = FailedBody::read(body).await?;
    Ok(Json(walk(&state.store, caller.tenant, Repair::Retry, &filter).await?))
}
