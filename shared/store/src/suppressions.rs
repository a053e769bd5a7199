use domain::address::Address;
use domain::ids::TenantId;
use sqlx::PgPool;

use crate::Result;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuppressionReason {
    Unsubscribe,
    Bounce,
    Complaint,
    Manual,
}

impl SuppressionReason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Unsubscribe => "unsubscribe",
            Self::Bounce => "bounce",
            Self::Complaint => "complaint",
            Self::Manual => "manual",
        }
    }
}

pub struct Suppressions<'a> {
    pub(crate) pool: &'a PgPool,
}

impl Suppressions<'_> {
    /// From the commit of this on, no compare-and-set for the address is won. Rows that wait for it end as
    /// `suppressed` when their turn comes.
    pub async fn add(
        &self,
        tenant: TenantId,
        address: &Address,
        reason: SuppressionReason,
        source: &str,
    ) -> Result<()> {
        sqlx::query(
            "INSERT INTO suppressions (tenant_id, channel, address, reason, source) VALUES ($1, 'email', $2, $3, $4)
             ON CONFLICT (tenant_id, channel, address) DO UPDATE SET last_seen_at = postfleet_now()",
        )
        .bind(tenant.uuid())
        .bind(address.suppression_key())
        .bind(reason.as_str())
        .bind(source)
        .execute(self.pool)
        .await?;
        Ok(())
    }

    pub async fn contains(&self, tenant: TenantId, address: &Address) -> Result<bool> {
        let found = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM suppressions WHERE tenant_id = $1 AND channel = 'email' AND address = $2)",
        )
        .bind(tenant.uuid())
        .bind(address.suppression_key())
        .fetch_one(self.pool)
        .await?;
        Ok(found)
    }
}
