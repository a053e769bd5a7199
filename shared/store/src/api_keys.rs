use chrono::{DateTime, Utc};
use domain::ids::{ApiKeyId, TenantId};
use domain::keys::{ApiKey, KeyRights, KeyScope};
use sqlx::PgPool;
use uuid::Uuid;

use crate::{Result, StoreError};

/// Characters of a key that may be shown: the brand and the start of its id.
const PREFIX_CHARS: usize = 16;

/// What a key's row says: whose it is, and the hash that the caller's secret must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOwner {
    pub tenant: TenantId,
    pub hash: Vec<u8>,
    pub rights: KeyRights,
    pub expires_at: Option<DateTime<Utc>>,
}

/// What became of a key's rotation.
#[derive(Debug, Clone)]
pub enum RotateAnswer {
    Rotated(KeyRow),
    /// It has ended, or has a successor.
    Ended,
    Missing,
}

/// A key to be stored.
#[derive(Debug, Clone)]
pub struct NewKey {
    pub key: ApiKey,
    pub name: String,
    pub rights: KeyRights,
    pub expires_at: Option<DateTime<Utc>>,
}

/// A key as its owner may see it: without its secret.
#[derive(Debug, Clone)]
pub struct KeyRow {
    pub id: ApiKeyId,
    pub name: String,
    pub prefix: String,
    pub rights: KeyRights,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub last_used_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

row! {
    struct Row {
        id: Uuid,
        name: String,
        prefix: String,
        scopes: Vec<String>,
        operator: bool,
        created_at: DateTime<Utc>,
        expires_at: Option<DateTime<Utc>>,
        last_used_at: Option<DateTime<Utc>>,
        revoked_at: Option<DateTime<Utc>>,
    }
}

pub struct ApiKeys<'a> {
    pub(crate) pool: &'a PgPool,
}

impl ApiKeys<'_> {
    /// Stores a key. One with this id gets this secret: its creation was repeated before anybody had seen the first.
    pub async fn create(&self, tenant: TenantId, new: &NewKey) -> Result<KeyRow> {
        let row: Row = sqlx::query_as(
            "INSERT INTO api_keys (id, tenant_id, name, prefix, hash, scopes, operator, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (id) DO UPDATE SET hash = EXCLUDED.hash WHERE api_keys.tenant_id = EXCLUDED.tenant_id
             RETURNING id, name, prefix, scopes, operator, created_at, expires_at, last_used_at, revoked_at",
        )
        .bind(new.key.id.uuid())
        .bind(tenant.uuid())
        .bind(&new.name)
        .bind(shown_prefix(&new.key))
        .bind(&new.key.hash()[..])
        .bind(new.rights.scopes().iter().map(|scope| scope.as_str()).collect::<Vec<_>>())
        .bind(new.rights.operator)
        .bind(new.expires_at)
        .fetch_one(self.pool)
        .await?;
        row.read()
    }

    /// The owner of a key that is neither revoked nor expired.
    pub async fn find_valid(&self, id: ApiKeyId) -> Result<Option<KeyOwner>> {
        type Found = (Uuid, Vec<u8>, Vec<String>, bool, Option<DateTime<Utc>>);
        let row: Option<Found> = sqlx::query_as(
            "SELECT tenant_id, hash, scopes, operator, expires_at FROM api_keys
             WHERE id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > postfleet_now())",
        )
        .bind(id.uuid())
        .fetch_optional(self.pool)
        .await?;
        row.map(|(tenant, hash, scopes, operator, expires_at)| {
            Ok(KeyOwner { tenant: TenantId(tenant), hash, rights: rights(&scopes, operator)?, expires_at })
        })
        .transpose()
    }

    /// A tenant's keys that are not revoked, the newest thousand first.
    pub async fn list(&self, tenant: TenantId) -> Result<Vec<KeyRow>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, name, prefix, scopes, operator, created_at, expires_at, last_used_at, revoked_at
             FROM api_keys WHERE tenant_id = $1 AND revoked_at IS NULL ORDER BY id DESC LIMIT 1000",
        )
        .bind(tenant.uuid())
        .fetch_all(self.pool)
        .await?;
        rows.into_iter().map(Row::read).collect()
    }

    pub async fn find(&self, tenant: TenantId, id: ApiKeyId) -> Result<Option<KeyRow>> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT id, name, prefix, scopes, operator, created_at, expires_at, last_used_at, revoked_at
             FROM api_keys WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .fetch_optional(self.pool)
        .await?;
        row.map(Row::read).transpose()
    }

    /// Ends a key. Answers whether there was such a key that was not revoked.
    pub async fn revoke(&self, tenant: TenantId, id: ApiKeyId) -> Result<bool> {
        let ended = sqlx::query(
            "UPDATE api_keys SET revoked_at = postfleet_now() WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .execute(self.pool)
        .await?;
        Ok(ended.rows_affected() > 0)
    }

    /// Makes a key's successor, which may do the same for as long, and lets the old one live on for so many seconds, or
    /// less if it was to end before. Repeated under the same id it gives the successor another secret: nobody has seen
    /// the first.
    pub async fn rotate(
        &self,
        tenant: TenantId,
        old: ApiKeyId,
        successor: &ApiKey,
        overlap_secs: u32,
    ) -> Result<RotateAnswer> {
        let row: Option<Row> = sqlx::query_as(include_str!("rotate_key.sql"))
            .bind(tenant.uuid())
            .bind(old.uuid())
            .bind(successor.id.uuid())
            .bind(shown_prefix(successor))
            .bind(&successor.hash()[..])
            .bind(f64::from(overlap_secs))
            .fetch_optional(self.pool)
            .await?;
        match row {
            Some(row) => Ok(RotateAnswer::Rotated(row.read()?)),
            None if self.find(tenant, old).await?.is_some() => Ok(RotateAnswer::Ended),
            None => Ok(RotateAnswer::Missing),
        }
    }

    /// Notes that these were used; to the minute.
    pub async fn note_used(&self, ids: &[ApiKeyId]) -> Result<()> {
        sqlx::query(
            "UPDATE api_keys SET last_used_at = postfleet_now()
             WHERE id = ANY($1) AND (last_used_at IS NULL OR last_used_at < postfleet_now() - interval '1 minute')",
        )
        .bind(ids.iter().map(|id| id.uuid()).collect::<Vec<_>>())
        .execute(self.pool)
        .await?;
        Ok(())
    }
}

impl Row {
    fn read(self) -> Result<KeyRow> {
        Ok(KeyRow {
            id: ApiKeyId(self.id),
            name: self.name,
            prefix: self.prefix,
            rights: rights(&self.scopes, self.operator)?,
            created_at: self.created_at,
            expires_at: self.expires_at,
            last_used_at: self.last_used_at,
            revoked_at: self.revoked_at,
        })
    }
}

fn shown_prefix(key: &ApiKey) -> String {
    key.reveal().chars().take(PREFIX_CHARS).collect()
}

fn rights(scopes: &[String], operator: bool) -> Result<KeyRights> {
    let unreadable = || StoreError::Unreadable { noun: "api_keys", column: "scopes" };
    let scopes: Result<Vec<KeyScope>> =
        scopes.iter().map(|scope| KeyScope::parse(scope).ok_or_else(unreadable)).collect();
    Ok(KeyRights::new(scopes?, operator))
}
