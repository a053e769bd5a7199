use chrono::{DateTime, Utc};
use domain::ids::{SenderId, TenantId};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row as _};
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

row! {
    #[derive(Debug, Clone, PartialEq, Eq)]
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
}

impl<'r> FromRow<'r, PgRow> for QueueStatus {
    fn from_row(row: &'r PgRow) -> sqlx::Result<Self> {
        let sender: Uuid = row.try_get("sender_id")?;
        Ok(Self { sender: SenderId(sender), paused: row.try_get("paused")?, counts: QueueCounts::from_row(row)? })
    }
}

impl Messages<'_> {
    /// One row per sender of the tenant that has anything to show. Reads partial indexes only.
    pub async fn queue_status(&self, tenant: TenantId) -> Result<Vec<QueueStatus>> {
        Ok(sqlx::query_as(include_str!("queue_status.sql")).bind(tenant.uuid()).fetch_all(self.pool).await?)
    }
}
