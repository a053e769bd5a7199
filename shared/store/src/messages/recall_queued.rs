use domain::ids::{SenderId, TenantId};

use super::Messages;
use crate::Result;

impl Messages<'_> {
    /// Takes what is queued for a tenant, or for one sender of it, back from its jobs. When this returns, nobody wins
    /// one of these rows any more: a statement that was about to has either won before, or finds another state.
    pub async fn recall_queued(&self, tenant: TenantId, sender: Option<SenderId>) -> Result<u64> {
        let done = sqlx::query(
            "WITH ours AS MATERIALIZED (
                 SELECT message_id FROM message_runs
                 WHERE state = 'queued' AND tenant_id = $1 AND ($2::uuid IS NULL OR sender_id = $2)
                 ORDER BY message_id FOR UPDATE
             )
             UPDATE message_runs r SET state = 'scheduled', job_id = NULL, queued_at = NULL
             FROM ours o WHERE r.message_id = o.message_id AND r.state = 'queued'",
        )
        .bind(tenant.uuid())
        .bind(sender.map(SenderId::uuid))
        .execute(self.pool)
        .await?;
        Ok(done.rows_affected())
    }

    /// Rows that passed the point of no return within the last `secs`: their final bytes may be leaving right now.
    pub async fn committing_within(&self, tenant: TenantId, sender: Option<SenderId>, secs: f64) -> Result<i64> {
        Ok(sqlx::query_scalar(
            "SELECT count(*) FROM message_runs
             WHERE state = 'committing' AND tenant_id = $1 AND ($2::uuid IS NULL OR sender_id = $2)
               AND committed_at > postfleet_now() - make_interval(secs => $3)",
        )
        .bind(tenant.uuid())
        .bind(sender.map(SenderId::uuid))
        .bind(secs)
        .fetch_one(self.pool)
        .await?)
    }
}
