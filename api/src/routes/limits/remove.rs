use axum::Json;
use axum::extract::State;
use domain::limits::{Channel, Scope};
use runtime::pulse::adopt_pulse;

use super::asked_limit::AskedLimit;
use super::get::view;
use crate::error::Failures;
use crate::views::LimitView;
use crate::{ApiError, ApiState};

/// Go back to the default.
///
/// Answers what holds now; repeating it changes nothing.
#[utoipa::path(delete, path = "/v1/limits/{scope}", tag = "limits", operation_id = "remove_limit",
    params(("scope" = Scope, Path), ("channel" = Option<Channel>, Query)), security(("api_key" = ["manage"])),
    responses((status = 200, body = LimitView), Failures))]
pub async fn remove(State(state): State<ApiState>, asked: AskedLimit) -> Result<Json<LimitView>, ApiError> {
    unset(&state, &asked).await.map(Json)
}

pub(super) async fn unset(state: &ApiState, asked: &AskedLimit) -> Result<LimitView, ApiError> {
    asked.ensure_may_set()?;
    state.store.limits().remove(&asked.target, asked.channel).await?;
    adopt_pulse(&state.store, &state.queue, &state.limits, &state.clock).await?;
    view(state, asked).await
}
