use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};

use crate::extract::Caller;
use crate::pausing::{Paused, pause as pause_it};
use crate::views::{PauseBody, PauseView};
use crate::{ApiError, ApiState};

/// `POST /v1/senders/{id}/pause`: nothing leaves from this sender after the answer. What waits keeps its place.
pub async fn pause(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
    body: Body,
) -> Result<Json<PauseView>, ApiError> {
    let reason = PauseBody::read(body).await?.reason;
    let unknown = || ApiError::not_found("you have no such sender");
    let id = id.parse().map_err(|_| unknown())?;
    let answer = pause_it(&state.store, Paused::Sender(caller.tenant, id), &caller.pauses_as(), &reason).await?;
    PauseView::paused(answer).map(Json).ok_or_else(unknown)
}
