use axum::Json;
use axum::extract::State;

use crate::error::Failures;
use crate::extract::Reader;
use crate::views::QueueView;
use crate::{ApiError, ApiState};

/// See what is on its way, in all and by sender, and until when.
#[utoipa::path(get, path = "/v1/queue", tag = "queue", operation_id = "get_queue", security(("api_key" = ["read"])),
    responses((status = 200, body = QueueView), Failures))]
pub async fn get(State(state): State<ApiState>, caller: Reader) -> Result<Json<QueueView>, ApiError> {
    let senders = state.store.messages().queue_status(caller.tenant).await?;
    let now = state.clock.now().ok_or_else(ApiError::unavailable)?;
    let limits = state.limits.book().map_err(|_| ApiError::unavailable())?;
    Ok(Json(QueueView::new(senders, now, &limits, caller.tenant)))
}
