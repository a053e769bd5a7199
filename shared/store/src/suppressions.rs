use chrono::{DateTime, Utc};
use domain::address::Address;
use domain::ids::TenantId;
use domain::suppressions::{NewSuppression, SuppressionReason};
use sqlx::PgPool;

use crate::{Result, StoreError};

/// A suppression as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuppressionRow {
    pub address: String,
    pub reason: SuppressionReason,
    pub source: String,
    pub first_seen_at: DateTime<Utc>,
    pub last_seen_at: DateTime<Utc>,
}

row! {
    struct Row {
        address: String,
        reason: String,
        source: String,
        first_seen_at: DateTime<Utc>,
        last_seen_at: DateTime<Utc>,
    }
}

pub struct Suppressions<'a> {
    pub(crate) pool: &'a PgPool,
}

impl Suppressions<'_> {
    /// From the commit of this on, no compare-and-set for these addresses is won. Rows that wait for them end as
    /// `suppressed` when their turn comes. What is known keeps its reason. Answers how many were new.
    pub async fn add(&self, tenant: TenantId, new: &[NewSuppression]) -> Result<u64> {
        let mut new: Vec<&NewSuppression> = new.iter().collect();
        // In one order everywhere, each once: two statements must not wait for each other in a ring.
        new.sort_by(|one, other| one.address.cmp(&other.address));
        new.dedup_by(|one, other| one.address == other.address);
        let added: i64 = sqlx::query_scalar(
            "WITH added AS (
                 INSERT INTO suppressions (tenant_id, channel, address, reason, source)
                 SELECT $1, 'email', a.address, a.reason, a.source
                 FROM unnest($2::text[], $3::text[], $4::text[]) AS a (address, reason, source)
                 ON CONFLICT (tenant_id, channel, address) DO UPDATE SET last_seen_at = postfleet_now()
                 RETURNING xmax = 0 AS fresh)
             SELECT count(*) FILTER (WHERE fresh) FROM added",
        )
        .bind(tenant.uuid())
        .bind(new.iter().map(|one| one.address.as_str()).collect::<Vec<_>>())
        .bind(new.iter().map(|one| one.reason.as_str()).collect::<Vec<_>>())
        .bind(new.iter().map(|one| one.source.as_str()).collect::<Vec<_>>())
        .fetch_one(self.pool)
        .await?;
        Ok(added.unsigned_abs())
    }

    pub async fn contains(&self, tenant: TenantId, address: &Address) -> Result<bool> {
        Ok(self.find(tenant, address).await?.is_some())
    }

    pub async fn find(&self, tenant: TenantId, address: &Address) -> Result<Option<SuppressionRow>> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT address, reason, source, first_seen_at, last_seen_at FROM suppressions
             WHERE tenant_id = $1 AND channel = 'email' AND address = $2",
        )
        .bind(tenant.uuid())
        .bind(address.suppression_key())
        .fetch_optional(self.pool)
        .await?;
        row.map(Row::read).transpose()
    }

    /// A page in order of address, behind `after`.
    pub async fn list(
        &self,
        tenant: TenantId,
        reason: Option<SuppressionReason>,
        after: &str,
        limit: i64,
    ) -> Result<Vec<SuppressionRow>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT address, reason, source, first_seen_at, last_seen_at FROM suppressions
             WHERE tenant_id = $1 AND channel = 'email' AND address > $2 AND ($3::text IS NULL OR reason = $3)
             ORDER BY address LIMIT $4",
        )
        .bind(tenant.uuid())
        .bind(after)
        .bind(reason.map(SuppressionReason::as_str))
        .bind(limit)
        .fetch_all(self.pool)
        .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// Lets an address be mailed again; what was suppressed stays suppressed. Answers whether it was there.
    pub async fn lift(&self, tenant: TenantId, address: &Address) -> Result<bool> {
        let lifted =
            sqlx::query("DELETE FROM suppressions WHERE tenant_id = $1 AND channel = 'email' AND address = $2")
                .bind(tenant.uuid())
                .bind(address.suppression_key())
                .execute(self.pool)
                .await?;
        Ok(lifted.rows_affected() > 0)
    }
}

impl Row {
    fn read(self) -> Result<SuppressionRow> {
        let unreadable = || StoreError::Unreadable { noun: "suppressions", column: "reason" };
        Ok(SuppressionRow {
            reason: SuppressionReason::parse(&self.reason).ok_or_else(unreadable)?,
            address: self.address,
            source: self.source,
            first_seen_at: self.first_seen_at,
            last_seen_at: self.last_seen_at,
        })
    }
}
