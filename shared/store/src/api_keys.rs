use domain::ids::{ApiKeyId, TenantId};
use domain::keys::ApiKey;
use sea_orm::{ActiveModelTrait, DatabaseConnection, Set};
use sqlx::PgPool;
use uuid::Uuid;

use crate::Result;
use crate::entities::api_key;

/// Characters of a key that may be shown: the brand and the start of its id.
const PREFIX_CHARS: usize = 16;

/// What a key's row says: whose it is, and the hash that the caller's secret must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOwner {
    pub tenant: TenantId,
    pub hash: Vec<u8>,
    /// It may set what holds for its tenant and for the whole fleet.
    pub operator: bool,
}

pub struct ApiKeys<'a> {
    pub(crate) orm: &'a DatabaseConnection,
    pub(crate) pool: &'a PgPool,
}

impl ApiKeys<'_> {
    pub async fn create(&self, tenant: TenantId, key: &ApiKey, name: &str, operator: bool) -> Result<()> {
        let row = api_key::ActiveModel {
            id: Set(key.id.uuid()),
            tenant_id: Set(tenant.uuid()),
            name: Set(name.to_owned()),
            prefix: Set(key.reveal().chars().take(PREFIX_CHARS).collect()),
            hash: Set(key.hash().to_vec()),
            operator: Set(operator),
            ..Default::default()
        };
        row.insert(self.orm).await?;
        Ok(())
    }

    /// The owner of a key that is neither revoked nor expired.
    pub async fn find_valid(&self, id: ApiKeyId) -> Result<Option<KeyOwner>> {
        let row: Option<(Uuid, Vec<u8>, bool)> = sqlx::query_as(
            "SELECT tenant_id, hash, operator FROM api_keys
             WHERE id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > postfleet_now())",
        )
        .bind(id.uuid())
        .fetch_optional(self.pool)
        .await?;
        Ok(row.map(|(tenant, hash, operator)| KeyOwner { tenant: TenantId(tenant), hash, operator }))
    }

    /// Ends a key. It is refused everywhere within the few seconds that a lookup may be remembered.
    pub async fn revoke(&self, tenant: TenantId, id: ApiKeyId) -> Result<bool> {
        let revoked = sqlx::query(
            "UPDATE api_keys SET revoked_at = postfleet_now() WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .execute(self.pool)
        .await?;
        Ok(revoked.rows_affected() > 0)
    }
}
