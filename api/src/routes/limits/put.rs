use axum::Json;
use axum::body::Body;
use axum::extract::State;
use domain::limits::{Channel, LimitOverride, Scope};
use runtime::pulse::adopt_pulse;
use serde::Deserialize;
use utoipa::ToSchema;

use super::asked_limit::AskedLimit;
use super::get::view;
use crate::error::Failures;
use crate::extract::{parse, read_body};
use crate::views::LimitView;
use crate::{ApiError, ApiState};

const BODY_MAX_BYTES: usize = 4 * 1024;
/// Every process keeps all of them in memory.
const EXCEPTIONS_MAX: usize = 1_000;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"limits": ["20/min", "1000/h"]}))]
pub struct NewLimits {
    /// Up to four windows, like 20/min, 1000/h, 200/h,burst=20 or 500/day; none: nothing is limited.
    #[schema(max_items = 4, example = json!(["20/min", "1000/h"]))]
    limits: Vec<String>,
}

/// Set what holds for a scope where nothing else is said.
///
/// It holds everywhere within two seconds; what waits is not touched, only its wait changes. `tenant` and `global` need
/// an operator's key.
#[utoipa::path(put, path = "/v1/limits/{scope}", tag = "limits", operation_id = "put_limit",
    params(("scope" = Scope, Path), ("channel" = Option<Channel>, Query)),
    request_body = NewLimits, security(("api_key" = ["manage"])),
    responses((status = 200, body = LimitView), Failures))]
pub async fn put(State(state): State<ApiState>, asked: AskedLimit, body: Body) -> Result<Json<LimitView>, ApiError> {
    set(&state, &asked, body).await.map(Json)
}

pub(super) async fn set(state: &ApiState, asked: &AskedLimit, body: Body) -> Result<LimitView, ApiError> {
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
    view(state, asked).await
}
