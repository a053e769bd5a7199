use axum::Json;
use axum::extract::State;

use crate::extract::Caller;
use crate::views::QueueView;
use crate::{ApiError, ApiState};

/// `GET /v1/queue`: what is on its way, in all and by sender, and until when.
pub async fn get(State(state): State<ApiState>, caller: Caller) -> Result<Json<QueueView>, ApiError> {
    let senders = state.store.messages().queue_status(caller.tenant).await?;
    let now = state.clock.now().ok_or_else(ApiError::unavailable)?;
    let limits = state.limits.book().map_err(|_| ApiError::unavailable())?;
    Ok(Json(QueueView::new(senders, now, &limits, caller.tenant)))
}
