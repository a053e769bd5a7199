use axum::Json;
use axum::extract::{Query, State};
use domain::limits::LimitTarget;
use serde_json::{Value, json};

use super::target::ChannelQuery;
use crate::extract::Caller;
use crate::views::LimitView;
use crate::{ApiError, ApiState};

/// `GET /v1/limits`: what holds for the caller: first what holds where nothing else is said, then every exception.
pub async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    Query(query): Query<ChannelQuery>,
) -> Result<Json<Value>, ApiError> {
    let channel = query.channel()?;
    let mut rows = state.store.limits().of_tenant(caller.tenant).await?;
    rows.retain(|row| row.set.channel == channel);
    let general = [
        LimitTarget::Global,
        LimitTarget::Tenant(caller.tenant),
        LimitTarget::Domains(caller.tenant),
        LimitTarget::Senders(caller.tenant),
    ];
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
