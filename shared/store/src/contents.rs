use chrono::{DateTime, Utc};
use domain::ids::{ContentId, TenantId};
use domain::messages::Content;
use sqlx::PgPool;
use uuid::Uuid;

use crate::Result;

/// A stored template.
#[derive(Debug, Clone)]
pub struct ContentView {
    pub id: ContentId,
    pub content: Content,
    pub created_at: DateTime<Utc>,
}

row! {
    struct Row {
        id: Uuid,
        subject: String,
        html: Option<String>,
        text: Option<String>,
        created_at: DateTime<Utc>,
    }
}

pub struct Contents<'a> {
    pub(crate) pool: &'a PgPool,
}

impl Contents<'_> {
    /// Stores a template; the same one again is the same row.
    pub async fn put(&self, tenant: TenantId, content: &Content) -> Result<ContentView> {
        let id = content.id(tenant);
        sqlx::query(
            "INSERT INTO contents (tenant_id, id, subject, html, text) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .bind(&content.subject)
        .bind(&content.html)
        .bind(&content.text)
        .execute(self.pool)
        .await?;
        let found = self.find(tenant, id).await?;
        found.ok_or(crate::StoreError::Unavailable(sqlx::Error::RowNotFound))
    }

    pub async fn find(&self, tenant: TenantId, id: ContentId) -> Result<Option<ContentView>> {
        let row: Option<Row> =
            sqlx::query_as("SELECT id, subject, html, text, created_at FROM contents WHERE tenant_id = $1 AND id = $2")
                .bind(tenant.uuid())
                .bind(id.uuid())
                .fetch_optional(self.pool)
                .await?;
        Ok(row.map(|row| ContentView {
            id: ContentId(row.id),
            content: Content { subject: row.subject, html: row.html, text: row.text },
            created_at: row.created_at,
        }))
    }
}
