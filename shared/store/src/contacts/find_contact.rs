use chrono::{DateTime, Utc};
use domain::address::Address;
use domain::ids::{ContactId, TenantId};
use serde_json::Value;
use uuid::Uuid;

use super::Contacts;
use crate::Result;

row! {
    #[derive(Debug, Clone)]
    pub struct ContactView {
        pub id: Uuid,
        pub external_id: Option<String>,
        pub owner: Option<String>,
        pub name: Option<String>,
        pub timezone: Option<String>,
        pub data: Option<Value>,
        pub addresses: Vec<String>,
        pub created_at: DateTime<Utc>,
        pub updated_at: DateTime<Utc>,
    }
}

impl Contacts<'_> {
    pub async fn find(&self, tenant: TenantId, id: ContactId) -> Result<Option<ContactView>> {
        Ok(self.page(tenant, Some(id), None, 1).await?.pop())
    }

    /// Whose an address is.
    pub async fn by_address(&self, tenant: TenantId, address: &Address) -> Result<Option<ContactId>> {
        let found: Option<Uuid> = sqlx::query_scalar(
            "SELECT contact_id FROM contact_addresses WHERE tenant_id = $1 AND channel = 'email' AND key = $2",
        )
        .bind(tenant.uuid())
        .bind(address.suppression_key())
        .fetch_optional(self.pool)
        .await?;
        Ok(found.map(ContactId))
    }

    /// The newest first, those before `before`.
    pub async fn list(&self, tenant: TenantId, before: Option<ContactId>, limit: i64) -> Result<Vec<ContactView>> {
        self.page(tenant, None, before, limit).await
    }

    async fn page(
        &self,
        tenant: TenantId,
        only: Option<ContactId>,
        before: Option<ContactId>,
        limit: i64,
    ) -> Result<Vec<ContactView>> {
        Ok(sqlx::query_as(
            "SELECT c.id, c.external_id, c.owner, c.name, c.timezone, c.data, c.created_at, c.updated_at,
                    ARRAY(SELECT a.address FROM contact_addresses a
                          WHERE a.tenant_id = $1 AND a.contact_id = c.id ORDER BY a.place, a.key) AS addresses
             FROM contacts c
             WHERE c.tenant_id = $1 AND ($2::uuid IS NULL OR c.id = $2) AND ($3::uuid IS NULL OR c.id < $3)
             ORDER BY c.id DESC LIMIT $4",
        )
        .bind(tenant.uuid())
        .bind(only.map(|id| id.uuid()))
        .bind(before.map(|id| id.uuid()))
        .bind(limit)
        .fetch_all(self.pool)
        .await?)
    }
}
