use axum::Json;
use axum::extract::{Path, Query, State};
use runtime::pulse::adopt_pulse;

use super::get::view;
use super::target::{ChannelQuery, may_set, target};
use crate::extract::Caller;
use crate::views::LimitView;
use crate::{ApiError, ApiState};

/// `DELETE /v1/limits/{scope}`: back to the default.
pub async fn remove(
    state: State<ApiState>,
    caller: Caller,
    Path(scope): Path<String>,
    query: Query<ChannelQuery>,
) -> Result<Json<LimitView>, ApiError> {
    remove_one(state, caller, Path((scope, String::new())), query).await
}

/// `DELETE /v1/limits/{scope}/{key}`: back to what holds where nothing else is said. Answers what holds now; repeating
/// it changes nothing.
pub async fn remove_one(
    State(state): State<ApiState>,
    caller: Caller,
    Path((scope, key)): Path<(String, String)>,
    Query(query): Query<ChannelQuery>,
) -> Result<Json<LimitView>, ApiError> {
    let channel = query.channel()?;
    let target = target(&state, &caller, &scope, &key).await?;
    may_set(&caller, &target)?;
    state.store.limits().remove(&target, channel).await?;
    adopt_pulse(&state.store, &state.queue, &state.limits, &state.clock).await?;
    view(&state, &caller, &target, channel).await.map(Json)
}
