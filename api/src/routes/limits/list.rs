use axum::Json;
use axum::extract::State;
use domain::limits::LimitTarget;
use serde_json::{Value, json};

use super::asked_limit::AskedChannel;
use crate::extract::Caller;
use crate::views::LimitView;
use crate::{ApiError, ApiState};

/// `GET /v1/limits`: what holds for the caller: first what holds where nothing else is said, then every exception.
pub async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    AskedChannel(channel): AskedChannel,
) -> Result<Json<Value>, ApiError> {
    let mut rows = state.store.limits().of_tenant(caller.tenant).await?;
    rows.retain(|row| row.set.channel == channel);
    let general = LimitTarget::general(caller.tenant);
    let mut data: Vec<LimitView> = general
        .iter()
        .map(|target| match rows.iter().find(|row| row.set.target == *target) {
            Some(row) => LimitView::set(row),
            None => LimitView::default_of(target, channel),
        })
        .collect();
    let keyed = rows.iter().filter(|row| !general.contains(&row.set.target));
    data.extend(keyed.map(LimitView::set));
    Ok(Json(json!({"data": data})))
}
