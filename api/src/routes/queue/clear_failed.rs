use axum::Json;
use axum::body::Body;
use axum::extract::State;

use super::repair::{FailedBody, Repair, RepairedCount, walk};
use crate::error::Failures;
use crate::extract::Manager;
use crate::{ApiError, ApiState};

/// Count failed messages as seen.
///
/// The queue no longer shows them as failed. They stay what they are, with their history.
#[utoipa::path(post, path = "/v1/queue/clear-failed", tag = "queue", operation_id = "clear_failed",
    request_body = Option<FailedBody>, security(("api_key" = ["manage"])),
    responses((status = 200, body = RepairedCount), Failures))]
pub async fn clear_failed(
    State(state): State<ApiState>,
    caller: Manager,
    body: Body,
) -> Result<Json<RepairedCount>, ApiError> {
    let filter = FailedBody::read(body).await?;
    Ok(Json(walk(&state.store, caller.tenant, Repair::Clear, &filter).await?))
}
