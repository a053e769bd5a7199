use axum::Json;
use axum::extract::State;

use crate::extract::Caller;
use crate::views::PauseView;
use crate::{ApiError, ApiState};

/// `POST /v1/tenant/resume`: sending goes on where it stood.
pub async fn resume(State(state): State<ApiState>, caller: Caller) -> Result<Json<PauseView>, ApiError> {
    let answer = state.store.tenants().resume(caller.tenant, caller.operator).await?;
    PauseView::resumed(answer)?.map(Json).ok_or_else(|| ApiError::not_found("there is no such tenant"))
}
