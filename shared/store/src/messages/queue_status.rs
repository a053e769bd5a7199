use chrono::{DateTime, Utc};
use domain::ids::{SenderId, TenantId};
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use super::Messages;
use crate::Result;

/// What a sender has on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueStatus {
    pub sender: SenderId,
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
    pending: i64,
    due: i64,
    queued: i64,
    sending: i64,
    uncertain: i64,
    failed_24h: i64,
    oldest_due_at: Option<DateTime<Utc>>,
}

impl Messages<'_> {
    /// One row per sender of the tenant that has anything to show. Reads partial indexes only.
    pub async fn queue_status(&self, tenant: TenantId) -> Result<Vec<QueueStatus>> {
        let rows = read(self.pool, tenant).await?;
        Ok(rows
            .into_iter()
            .map(|row| QueueStatus {
                sender: SenderId(row.sender_id),
                pending: row.pending,
                due: row.due,
                queued: row.queued,
                sending: row.sending,
                uncertain: row.uncertain,
                failed_24h: row.failed_24h,
                oldest_due_at: row.oldest_due_at,
            })
            .collect())
    }
}

async fn read(pool: &PgPool, tenant: TenantId) -> Result<Vec<Row>> {
    Ok(sqlx::query_as(include_str!("queue_status.sql")).bind(tenant.uuid()).fetch_all(pool).await?)
}
