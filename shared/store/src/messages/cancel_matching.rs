use domain::ids::{MessageId, SenderId, TenantId};
use uuid::Uuid;

use super::Messages;
use crate::Result;

/// Messages that one statement looks at.
const CANCEL_BATCH: i64 = 2_000;

/// Which messages to call off: those that fit all that is given.
#[derive(Debug, Clone, Default)]
pub struct CancelFilter {
    pub sender: Option<SenderId>,
    pub tag: Option<String>,
}

/// Where a walk over a tenant's messages stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CanceledPage {
    pub canceled: i64,
    /// `None`: all were looked at.
    pub next: Option<MessageId>,
}

row! {
    struct Row {
        canceled: i64,
        looked: i64,
        last: Option<Uuid>,
    }
}

impl Messages<'_> {
    /// The oldest message that could still be called off: where a walk begins.
    pub async fn oldest_unsent(&self, tenant: TenantId, sender: Option<SenderId>) -> Result<Option<MessageId>> {
        let oldest: Option<Uuid> = sqlx::query_scalar(
            "SELECT least(
                (SELECT message_id FROM message_runs
                 WHERE tenant_id = $1 AND state = 'scheduled' AND ($2::uuid IS NULL OR sender_id = $2)
                 ORDER BY message_id LIMIT 1),
                (SELECT message_id FROM message_runs
                 WHERE tenant_id = $1 AND state = 'queued' AND ($2::uuid IS NULL OR sender_id = $2)
                 ORDER BY message_id LIMIT 1))",
        )
        .bind(tenant.uuid())
        .bind(sender.map(SenderId::uuid))
        .fetch_one(self.pool)
        .await?;
        Ok(oldest.map(MessageId))
    }

    /// Calls off what is not past the point of no return, a page of the tenant's messages at a time, from `from` on.
    pub async fn cancel_matching(
        &self,
        tenant: TenantId,
        filter: &CancelFilter,
        from: MessageId,
    ) -> Result<CanceledPage> {
        let row: Row = sqlx::query_as(include_str!("cancel_matching.sql"))
            .bind(tenant.uuid())
            .bind(from.uuid())
            .bind(filter.sender.map(SenderId::uuid))
            .bind(&filter.tag)
            .bind(CANCEL_BATCH)
            .fetch_one(self.pool)
            .await?;
        let next = row.last.filter(|_| row.looked == CANCEL_BATCH).map(MessageId);
        Ok(CanceledPage { canceled: row.canceled, next })
    }
}
