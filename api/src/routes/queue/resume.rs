use axum::Json;
use axum::extract::State;
use domain::ids::TenantId;

use crate::error::Failures;
use crate::extract::{Manager, Named};
use crate::pausing::{Paused, resume as resume_it};
use crate::views::PauseView;
use crate::{ApiError, ApiState};

/// Let the sending of your tenant go on where it stood.
///
/// What an operator paused only an operator lets go on.
#[utoipa::path(post, path = "/v1/queue/resume", tag = "queue", operation_id = "resume_queue",
    security(("api_key" = ["manage"])), responses((status = 200, body = PauseView), Failures))]
pub async fn resume(State(state): State<ApiState>, caller: Manager) -> Result<Json<PauseView>, ApiError> {
    let answer = resume_it(&state.store, Paused::Tenant(caller.tenant), caller.rights.operator).await?;
    PauseView::resumed(answer)?.map(Json).ok_or_else(TenantId::missing)
}
