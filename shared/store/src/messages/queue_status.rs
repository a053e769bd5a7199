use chrono::{DateTime, Utc};
use domain::ids::{SenderId, TenantId};
use sqlx::FromRow;
use uuid::Uuid;

use super::Messages;
use crate::Result;

/// What a sender has on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueStatus {
    pub sender: SenderId,
    /// It is, or its tenant.
    pub paused: bool,
    pub counts: QueueCounts,
}

#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct QueueCounts {
    /// Waits for a time that has not come.
    pub pending: i64,
    /// Due, and not yet handed out.
    pub due: i64,
    pub queued: i64,
    pub sending: i64,
    pub uncertain: i64,
    /// Failed, unknown or quarantined in the last 24 hours.
    pub failed_24h: i64,
    pub oldest_due_at: Option<DateTime<Utc>>,
}

#[derive(FromRow)]
struct Row {
    sender_id: Uuid,
    paused: bool,
    #[sqlx(flatten)]
    counts: QueueCounts,
}

impl Messages<'_> {
    /// One row per sender of the tenant that has anything to show. Reads partial indexes only.
    pub async fn queue_status(&self, tenant: TenantId) -> Result<Vec<QueueStatus>> {
        let rows: Vec<Row> =
            sqlx::query_as(include_str!("queue_status.sql")).bind(tenant.uuid()).fetch_all(self.pool).await?;
        let read = |row: Row| QueueStatus { sender: SenderId(row.sender_id), paused: row.paused, counts: row.counts };
        Ok(rows.into_iter().map(read).collect())
    }
}
