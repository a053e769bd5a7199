use domain::ids::TenantId;
use domain::messages::resolve_uncertain::UncertainPolicy;
use sea_orm::{ActiveModelTrait, DatabaseConnection, EntityTrait, Set};
use sqlx::PgPool;

use crate::Result;
use crate::entities::tenant;
use crate::pauses::{PauseAnswer, ResumeAnswer, pause_sql, resume_sql};

pub struct Tenants<'a> {
    pub(crate) orm: &'a DatabaseConnection,
    pub(crate) pool: &'a PgPool,
}

impl Tenants<'_> {
    pub async fn create(&self, id: TenantId, name: &str, policy: UncertainPolicy) -> Result<()> {
        let row = tenant::ActiveModel {
            id: Set(id.uuid()),
            name: Set(name.to_owned()),
            uncertain_policy: Set(policy.as_str().to_owned()),
            ..Default::default()
        };
        row.insert(self.orm).await?;
        Ok(())
    }

    pub async fn exists(&self, id: TenantId) -> Result<bool> {
        Ok(tenant::Entity::find_by_id(id.uuid()).one(self.orm).await?.is_some())
    }

    /// Nothing is committed for it from here on.
    pub async fn pause(&self, id: TenantId, by: &str, reason: &str) -> Result<PauseAnswer> {
        let row = sqlx::query_as(pause_sql!("tenants", "id = $3"))
            .bind(by)
            .bind(reason)
            .bind(id.uuid())
            .fetch_optional(self.pool)
            .await?;
        Ok(PauseAnswer::read(row))
    }

    pub async fn resume(&self, id: TenantId, as_operator: bool) -> Result<ResumeAnswer> {
        let row = sqlx::query_as(resume_sql!("tenants", "id = $2", ""))
            .bind(as_operator)
            .bind(id.uuid())
            .fetch_optional(self.pool)
            .await?;
        Ok(ResumeAnswer::read(row))
    }
}
