use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::ids::WorkerId;
use serde::Serialize;
use store::fleet::WorkerRow;
use utoipa::ToSchema;

use crate::error::Failures;
use crate::extract::{Operator, Page};
use crate::{ApiError, ApiState};

/// Workers that ended are shown for so many hours.
const ENDED_HOURS: i32 = 24;
const WORKERS_MAX: i64 = 1_000;

/// A run of a worker process.
#[derive(Serialize, ToSchema)]
pub struct WorkerBody {
    id: WorkerId,
    name: String,
    host: String,
    pid: i32,
    pools: Vec<String>,
    /// `running`, `draining`, `stopped` or `lost`.
    state: String,
    started_at: DateTime<Utc>,
    heartbeat_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
}

/// List workers: those that live, and those that ended within a day.
#[utoipa::path(get, path = "/v1/workers", tag = "operator", operation_id = "list_workers",
    security(("api_key" = ["operator"])), responses((status = 200, body = Page<WorkerBody>), Failures))]
pub async fn list(State(state): State<ApiState>, _: Operator) -> Result<Json<Page<WorkerBody>>, ApiError> {
    let rows = state.store.workers().list(ENDED_HOURS, WORKERS_MAX).await?;
    Ok(Json(Page { data: rows.into_iter().map(WorkerBody::from).collect(), next_cursor: None }))
}

impl From<WorkerRow> for WorkerBody {
    fn from(row: WorkerRow) -> Self {
        Self {
            id: WorkerId(row.id),
            name: row.name,
            host: row.host,
            pid: row.pid,
            pools: row.pools,
            state: row.state,
            started_at: row.started_at,
            heartbeat_at: row.heartbeat_at,
            ended_at: row.ended_at,
        }
    }
}
