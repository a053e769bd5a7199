use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use domain::limits::{LimitOverride, LimitSet, Scope};
use runtime::pulse::adopt_pulse;
use serde::Deserialize;

use super::get::view;
use super::target::{ChannelQuery, may_set, target};
use crate::extract::{Caller, parse, read_body};
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

/// `PUT /v1/limits/{scope}`: sets what holds for a scope where nothing else is said.
pub async fn put(
    state: State<ApiState>,
    caller: Caller,
    Path(scope): Path<String>,
    query: Query<ChannelQuery>,
    body: Body,
) -> Result<Json<LimitView>, ApiError> {
    put_one(state, caller, Path((scope, String::new())), query, body).await
}

/// `PUT /v1/limits/{scope}/{key}`: sets what holds for one domain or sender. It holds everywhere within two seconds; what
/// waits is not touched, only its wait changes.
pub async fn put_one(
    State(state): State<ApiState>,
    caller: Caller,
    Path((scope, key)): Path<(String, String)>,
    Query(query): Query<ChannelQuery>,
    body: Body,
) -> Result<Json<LimitView>, ApiError> {
    let channel = query.channel()?;
    let target = target(&state, &caller, &scope, &key).await?;
    may_set(&caller, &target)?;
    let bytes = read_body(body, BODY_MAX_BYTES, "limits have at most 4 KiB").await?;
    let NewLimits { limits } = parse(&bytes)?;
    let limits = LimitSet::parse(&limits).map_err(|error| ApiError::invalid_field("limits", error.to_string()))?;
    if target.scope() == Scope::Domain && limits.quota().is_some() {
        return Err(ApiError::invalid_field("limits", "a recipient domain has no day's quota"));
    }
    let known = state.store.limits().of_tenant(caller.tenant).await?;
    let replaces = known.iter().any(|row| row.set.target == target && row.set.channel == channel);
    if known.len() >= EXCEPTIONS_MAX && !replaces {
        return Err(ApiError::invalid_field("key", format!("a tenant sets at most {EXCEPTIONS_MAX} limits")));
    }
    let set = LimitOverride { target, channel, limits };
    state.store.limits().put(&set, &caller.by()).await?;
    adopt_pulse(&state.store, &state.queue, &state.limits, &state.clock).await?;
    view(&state, &caller, &set.target, channel).await.map(Json)
}
