use sqlx::PgPool;

use crate::Result;

/// What is known of the schema's version.
pub struct Schema<'a> {
    pub(crate) pool: &'a PgPool,
}

impl Schema<'_> {
    /// Whether a migration has been applied. A database without any has none.
    pub async fn has_step(&self, name: &str) -> Result<bool> {
        let table: Option<String> =
            sqlx::query_scalar("SELECT to_regclass('seaql_migrations')::text").fetch_one(self.pool).await?;
        if table.is_none() {
            return Ok(false);
        }
        let applied = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM seaql_migrations WHERE version = $1)")
            .bind(name)
            .fetch_one(self.pool)
            .await?;
        Ok(applied)
    }
}
