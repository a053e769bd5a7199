use chrono::{DateTime, Utc};
use domain::ids::{ApiKeyId, TenantId};
use domain::keys::{ApiKey, KeyRights, KeyScope};
use sqlx::{FromRow, PgPool};
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

#[derive(FromRow)]
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
        .bind(new.key.reveal().chars().take(PREFIX_CHARS).collect::<String>())
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
        let row: Option<(Uuid, Vec<u8>, Vec<String>, bool)> = sqlx::query_as(
            "SELECT tenant_id, hash, scopes, operator FROM api_keys
             WHERE id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > postfleet_now())",
        )
        .bind(id.uuid())
        .fetch_optional(self.pool)
        .await?;
        row.map(|(tenant, hash, scopes, operator)| {
            Ok(KeyOwner { tenant: TenantId(tenant), hash, rights: rights(&scopes, operator)? })
        })
        .transpose()
    }

    /// All keys of a tenant that are not revoked, the newest first.
    pub async fn list(&self, tenant: TenantId) -> Result<Vec<KeyRow>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, name, prefix, scopes, operator, created_at, expires_at, last_used_at, revoked_at
             FROM api_keys WHERE tenant_id = $1 AND revoked_at IS NULL ORDER BY id DESC",
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

    /// Ends a key at once, or lets it live for so long still. It never lives longer than it would have. Answers whether
    /// there was such a key that was not revoked.
    pub async fn end(&self, tenant: TenantId, id: ApiKeyId, in_secs: u32) -> Result<bool> {
        let ended = sqlx::query(
            "UPDATE api_keys SET
                revoked_at = CASE WHEN $3 = 0 THEN postfleet_now() END,
                expires_at = CASE WHEN $3 = 0 THEN expires_at
                                  ELSE least(expires_at, postfleet_now() + make_interval(secs => $3)) END
             WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .bind(f64::from(in_secs))
        .execute(self.pool)
        .await?;
        Ok(ended.rows_affected() > 0)
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

fn rights(scopes: &[String], operator: bool) -> Result<KeyRights> {
    let unreadable = || StoreError::Unreadable { noun: "api_keys", column: "scopes" };
    let scopes: Result<Vec<KeyScope>> =
        scopes.iter().map(|scope| KeyScope::parse(scope).ok_or_else(unreadable)).collect();
    Ok(KeyRights::new(scopes?, operator))
}
