use axum::Json;
use axum::extract::{Path, State};

use crate::extract::Caller;
use crate::views::PauseView;
use crate::{ApiError, ApiState};

/// `POST /v1/senders/{id}/resume`: sending goes on where it stood. Resuming one that is not paused changes nothing.
pub async fn resume(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<PauseView>, ApiError> {
    let unknown = || ApiError::not_found("you have no such sender");
    let id = id.parse().map_err(|_| unknown())?;
    let answer = state.store.senders().resume(caller.tenant, id, caller.operator).await?;
    PauseView::resumed(answer)?.map(Json).ok_or_else(unknown)
}
