use axum::Json;
use axum::extract::State;
use serde::Serialize;
use store::StatsRow;
use utoipa::ToSchema;

use crate::error::Failures;
use crate::extract::Reader;
use crate::{ApiError, ApiState};

/// Your tenant in numbers. Days are of UTC.
#[derive(Serialize, ToSchema)]
pub struct StatsView {
    messages: MessageStats,
    senders: SenderStats,
    suppressions: i64,
}

#[derive(Serialize, ToSchema)]
struct MessageStats {
    /// Scheduled or queued: for later, due, or handed out.
    pending: i64,
    sending: i64,
    uncertain: i64,
    /// Committed today: sent, or at least begun.
    sent_today: i64,
    /// Failed, quarantined or unknown since midnight.
    failed_today: i64,
    /// `failed_today ÷ (sent_today + failed_today)`; null where both are 0.
    error_rate: Option<f64>,
}

#[derive(Serialize, ToSchema)]
struct SenderStats {
    active: i64,
    paused: i64,
    archived: i64,
}

/// See your tenant in numbers.
#[utoipa::path(get, path = "/v1/stats", tag = "queue", operation_id = "get_stats", security(("api_key" = ["read"])),
    responses((status = 200, body = StatsView), Failures))]
pub async fn get(State(state): State<ApiState>, caller: Reader) -> Result<Json<StatsView>, ApiError> {
    Ok(Json(StatsView::from(state.store.stats(caller.tenant).await?)))
}

impl From<StatsRow> for StatsView {
    fn from(row: StatsRow) -> Self {
        let ended = row.sent_today + row.failed_today;
        Self {
            messages: MessageStats {
                pending: row.pending,
                sending: row.sending,
                uncertain: row.uncertain,
                sent_today: row.sent_today,
                failed_today: row.failed_today,
                error_rate: (ended > 0).then(|| row.failed_today as f64 / ended as f64),
            },
            senders: SenderStats {
                active: row.senders_active,
                paused: row.senders_paused,
                archived: row.senders_archived,
            },
            suppressions: row.suppressions,
        }
    }
}
