use domain::ids::TenantId;
use sqlx::PgPool;

use crate::Result;

/// A task of the ingress queue that could not become a message.
#[derive(Debug, Clone)]
pub struct IngressRefusal {
    /// The hash of task and payload.
    pub id: [u8; 32],
    pub task_id: Vec<u8>,
    pub tenant: Option<TenantId>,
    pub problem: String,
    pub payload: Vec<u8>,
}

pub struct Ingress<'a> {
    pub(crate) pool: &'a PgPool,
}

impl Ingress<'_> {
    /// Keeps what was refused; repeating it changes nothing.
    pub async fn refuse(&self, refusals: &[IngressRefusal]) -> Result<()> {
        sqlx::query(
            "INSERT INTO ingress_refusals (id, task_id, tenant_id, problem, payload)
             SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::uuid[], $4::text[], $5::bytea[])
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(refusals.iter().map(|one| &one.id[..]).collect::<Vec<_>>())
        .bind(refusals.iter().map(|one| &one.task_id[..]).collect::<Vec<_>>())
        .bind(refusals.iter().map(|one| one.tenant.map(TenantId::uuid)).collect::<Vec<_>>())
        .bind(refusals.iter().map(|one| one.problem.as_str()).collect::<Vec<_>>())
        .bind(refusals.iter().map(|one| &one.payload[..]).collect::<Vec<_>>())
        .execute(self.pool)
        .await?;
        Ok(())
    }

    /// Forgets old ones; at most `limit` at once.
    pub async fn sweep(&self, after_days: i32, limit: i64) -> Result<u64> {
        let swept = sqlx::query(
            "DELETE FROM ingress_refusals WHERE id IN (
                 SELECT id FROM ingress_refusals
                 WHERE at < postfleet_now() - make_interval(days => $1) ORDER BY at LIMIT $2)",
        )
        .bind(after_days)
        .bind(limit)
        .execute(self.pool)
        .await?;
        Ok(swept.rows_affected())
    }
}
