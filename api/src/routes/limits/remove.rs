use axum::Json;
use axum::extract::State;
use runtime::pulse::adopt_pulse;

use super::asked_limit::AskedLimit;
use super::get::view;
use crate::views::LimitView;
use crate::{ApiError, ApiState};

/// `DELETE /v1/limits/{scope}[/{key}]`: back to what holds where nothing else is said, or to the default. Answers what
/// holds now; repeating it changes nothing.
pub async fn remove(State(state): State<ApiState>, asked: AskedLimit) -> Result<Json<LimitView>, ApiError> {
    asked.ensure_may_set()?;
    state.store.limits().remove(&asked.target, asked.channel).await?;
    adopt_pulse(&state.store, &state.queue, &state.limits, &state.clock).await?;
    view(&state, &asked).await.map(Json)
}
