use axum::Json;
use axum::body::Body;
use axum::extract::State;
use domain::limits::LimitOverride;
use runtime::pulse::adopt_pulse;
use serde::Deserialize;

use super::asked_limit::AskedLimit;
use super::get::view;
use crate::extract::{parse, read_body};
use crate::views::LimitView;
use crate::{ApiError, ApiState};

const BODY_MAX_BYTES: usize = 4 * 1024;
/// Every process keeps all of them in memory.
const EXCEPTIONS_MAX: usize = 1_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewLimits {
    limits: Vec<String>,
}

/// `PUT /v1/limits/{scope}[/{key}]`: sets what holds for a scope where nothing else is said, or for one domain or sender.
/// It holds everywhere within two seconds; what waits is not touched, only its wait changes.
pub async fn put(State(state): State<ApiState>, asked: AskedLimit, body: Body) -> Result<Json<LimitView>, ApiError> {
    asked.ensure_may_set()?;
    let bytes = read_body(body, BODY_MAX_BYTES, "limits have at most 4 KiB").await?;
    let NewLimits { limits } = parse(&bytes)?;
    let set = LimitOverride::parse(asked.target.clone(), asked.channel, &limits)
        .map_err(|error| ApiError::invalid_field("limits", error.to_string()))?;
    let known = state.store.limits().of_tenant(asked.caller.tenant).await?;
    let replaces = known.iter().any(|row| row.set.target == set.target && row.set.channel == set.channel);
    if known.len() >= EXCEPTIONS_MAX && !replaces {
        return Err(ApiError::invalid_field("key", format!("a tenant sets at most {EXCEPTIONS_MAX} limits")));
    }
    state.store.limits().put(&set, &asked.caller.by()).await?;
    adopt_pulse(&state.store, &state.queue, &state.limits, &state.clock).await?;
    view(&state, &asked).await.map(Json)
}
