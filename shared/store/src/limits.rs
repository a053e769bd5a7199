use chrono::{DateTime, Utc};
use domain::ids::TenantId;
use domain::limits::{BucketKey, Channel, LimitBook, LimitOverride, LimitSet, LimitTarget, Scope};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{Result, StoreError, Term};

/// A limit that somebody set, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitRow {
    pub set: LimitOverride,
    pub updated_at: DateTime<Utc>,
    pub updated_by: String,
}

pub struct Limits<'a> {
    pub(crate) pool: &'a PgPool,
}

type LimitColumns = (Option<Uuid>, String, String, String, Vec<String>, DateTime<Utc>, String);

impl Limits<'_> {
    /// Sets a limit, and tells every process of it.
    pub async fn put(&self, set: &LimitOverride, by: &str) -> Result<()> {
        sqlx::query(
            "WITH told AS (UPDATE fleet SET limits_version = limits_version + 1)
             INSERT INTO limits (tenant_id, scope, key, channel, limits, updated_by) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT ON CONSTRAINT limits_one_of_each
             DO UPDATE SET limits = excluded.limits, updated_by = excluded.updated_by, updated_at = postfleet_now()",
        )
        .bind(set.target.tenant().map(TenantId::uuid))
        .bind(set.target.scope().as_str())
        .bind(set.target.key())
        .bind(set.channel.as_str())
        .bind(set.limits.texts())
        .bind(by)
        .execute(self.pool)
        .await?;
        Ok(())
    }

    /// Back to the default. Answers whether there was one.
    pub async fn remove(&self, target: &LimitTarget, channel: Channel) -> Result<bool> {
        let removed = sqlx::query_scalar::<_, i64>(
            "WITH removed AS (
                 DELETE FROM limits
                 WHERE tenant_id IS NOT DISTINCT FROM $1 AND scope = $2 AND key = $3 AND channel = $4 RETURNING 1
             ), told AS (
                 UPDATE fleet SET limits_version = limits_version + 1 WHERE EXISTS (SELECT 1 FROM removed)
             )
             SELECT count(*) FROM removed",
        )
        .bind(target.tenant().map(TenantId::uuid))
        .bind(target.scope().as_str())
        .bind(target.key())
        .bind(channel.as_str())
        .fetch_one(self.pool)
        .await?;
        Ok(removed > 0)
    }

    /// What was set for a tenant, and for the whole fleet.
    pub async fn of_tenant(&self, tenant: TenantId) -> Result<Vec<LimitRow>> {
        let rows: Vec<LimitColumns> = sqlx::query_as(
            "SELECT tenant_id, scope, key, channel, limits, updated_at, updated_by FROM limits
             WHERE tenant_id = $1 OR tenant_id IS NULL
             ORDER BY channel, scope, key",
        )
        .bind(tenant.uuid())
        .fetch_all(self.pool)
        .await?;
        rows.into_iter().map(limit_row).collect()
    }

    /// Everything that was set: what a process decides by.
    pub async fn book_all_tenants(&self) -> Result<LimitBook> {
        let rows: Vec<LimitColumns> =
            sqlx::query_as("SELECT tenant_id, scope, key, channel, limits, updated_at, updated_by FROM limits")
                .fetch_all(self.pool)
                .await?;
        let read: Result<Vec<LimitRow>> = rows.into_iter().map(limit_row).collect();
        Ok(LimitBook::new(read?.into_iter().map(|row| row.set)))
    }

    /// What was sent on a day (days since 1970, UTC), and what is on its way; `None` for a scope that has no quota.
    pub async fn quota_used(&self, bucket: &BucketKey, day: i64) -> Result<Option<u64>> {
        let (tenant, sender) = match bucket {
            BucketKey::Global => (None, None),
            BucketKey::Tenant(tenant) => (Some(tenant.uuid()), None),
            BucketKey::Sender(sender) => (None, Some(sender.uuid())),
            BucketKey::Domain(..) => return Ok(None),
        };
        let used: i64 = sqlx::query_scalar(
            "WITH mine AS (SELECT COALESCE((SELECT tenant_id FROM senders WHERE id = $2), $1) AS tenant_id)
             SELECT (SELECT COALESCE(sum(d.sent), 0)::bigint FROM daily_sends d
                     WHERE d.day = DATE '1970-01-01' + $3 AND (mine.tenant_id IS NULL OR d.tenant_id = mine.tenant_id)
                       AND ($2::uuid IS NULL OR d.sender_id = $2))
                  + (SELECT count(*) FROM message_runs r
                     WHERE r.state = 'queued' AND (mine.tenant_id IS NULL OR r.tenant_id = mine.tenant_id)
                       AND ($2::uuid IS NULL OR r.sender_id = $2))
             FROM mine",
        )
        .bind(tenant)
        .bind(sender)
        .bind(i32::try_from(day).unwrap_or(i32::MAX))
        .fetch_one(self.pool)
        .await?;
        Ok(Some(u64::try_from(used).unwrap_or(0)))
    }

    /// Adds up what was counted for one sender and day in several rows. Answers how many keys. A leader write.
    pub async fn add_up_daily_sends(&self, term: Term, keys_max: i64) -> Result<u64> {
        let done = sqlx::query(
            "WITH keys AS (
                 SELECT day, tenant_id, sender_id FROM daily_sends
                 WHERE day >= (postfleet_now() AT TIME ZONE 'UTC')::date - 2
                   AND EXISTS (SELECT 1 FROM leaders WHERE owner = $1 AND term = $2 AND expires_at > postfleet_now())
                 GROUP BY day, tenant_id, sender_id HAVING count(*) > 1 LIMIT $3
             ), taken AS (
                 DELETE FROM daily_sends d USING keys k
                 WHERE d.day = k.day AND d.tenant_id = k.tenant_id AND d.sender_id = k.sender_id
                 RETURNING d.day, d.tenant_id, d.sender_id, d.sent
             )
             INSERT INTO daily_sends (day, tenant_id, sender_id, sent)
             SELECT day, tenant_id, sender_id, sum(sent) FROM taken GROUP BY day, tenant_id, sender_id",
        )
        .bind(term.owner)
        .bind(term.number)
        .bind(keys_max)
        .execute(self.pool)
        .await?;
        Ok(done.rows_affected())
    }
}

fn limit_row((tenant, scope, key, channel, limits, updated_at, updated_by): LimitColumns) -> Result<LimitRow> {
    let unreadable = |column| StoreError::Unreadable { noun: "limits", column };
    let scope = Scope::parse(&scope).ok_or_else(|| unreadable("scope"))?;
    let target = LimitTarget::from_parts(scope, tenant.map(TenantId), &key).ok_or_else(|| unreadable("key"))?;
    let channel = Channel::parse(&channel).ok_or_else(|| unreadable("channel"))?;
    let limits = LimitSet::parse(&limits).map_err(|_| unreadable("limits"))?;
    Ok(LimitRow { set: LimitOverride { target, channel, limits }, updated_at, updated_by })
}
