use axum::Json;
use axum::body::Body;
use axum::extract::State;

use crate::extract::Caller;
use crate::pausing::{Paused, pause as pause_it};
use crate::views::{PauseBody, PauseView};
use crate::{ApiError, ApiState};

/// `POST /v1/tenant/pause`: nothing of the caller's tenant leaves after the answer. What waits keeps its place.
pub async fn pause(State(state): State<ApiState>, caller: Caller, body: Body) -> Result<Json<PauseView>, ApiError> {
    let reason = PauseBody::read(body).await?.reason;
    let answer = pause_it(&state.store, Paused::Tenant(caller.tenant), &caller.pauses_as(), &reason).await?;
    PauseView::paused(answer).map(Json).ok_or_else(|| ApiError::not_found("there is no such tenant"))
}
