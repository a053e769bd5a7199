use domain::ids::{MessageId, SenderId, TenantId};
use uuid::Uuid;

use super::Messages;
use crate::Result;

/// Failed messages that one statement looks at.
const REPAIR_BATCH: i64 = 1_000;

/// Which failed messages: those that fit all that is given.
#[derive(Debug, Clone, Default)]
pub struct FailedFilter {
    pub sender: Option<SenderId>,
    pub class: Option<String>,
}

/// Where a walk over a tenant's failed messages stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepairedPage {
    pub messages: i64,
    /// `None`: all were looked at.
    pub next: Option<MessageId>,
}

row! {
    struct Row {
        repaired: i64,
        looked: i64,
        last: Option<Uuid>,
    }
}

impl Messages<'_> {
    /// Has messages tried again that failed for certain: `failed` and `quarantined`, never `unknown`, which may have
    /// been sent. Tries and crashes begin anew.
    pub async fn retry_failed(
        &self,
        tenant: TenantId,
        filter: &FailedFilter,
        after: Option<MessageId>,
    ) -> Result<RepairedPage> {
        self.repair(include_str!("retry_failed.sql"), tenant, filter, after).await
    }

    /// Counts them as seen: the queue's status no longer shows them. They stay what they are.
    pub async fn clear_failed(
        &self,
        tenant: TenantId,
        filter: &FailedFilter,
        after: Option<MessageId>,
    ) -> Result<RepairedPage> {
        self.repair(include_str!("clear_failed.sql"), tenant, filter, after).await
    }

    async fn repair(
        &self,
        sql: &'static str,
        tenant: TenantId,
        filter: &FailedFilter,
        after: Option<MessageId>,
    ) -> Result<RepairedPage> {
        let row: Row = sqlx::query_as(sql)
            .bind(tenant.uuid())
            .bind(after.map_or(Uuid::nil(), MessageId::uuid))
            .bind(filter.sender.map(SenderId::uuid))
            .bind(&filter.class)
            .bind(REPAIR_BATCH)
            .fetch_one(self.pool)
            .await?;
        let next = row.last.filter(|_| row.looked == REPAIR_BATCH).map(MessageId);
        Ok(RepairedPage { messages: row.repaired, next })
    }
}
