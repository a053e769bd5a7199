use chrono::{DateTime, Utc};
use domain::ids::TenantId;
use domain::messages::resolve_uncertain::UncertainPolicy;
use domain::messages::wait::Pause;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set};
use sqlx::PgPool;

use crate::entities::tenant;
use crate::pauses::{FLEET, PauseAnswer, ResumeAnswer, pause_sql, resume_sql};
use crate::{Result, StoreError};

/// A tenant as the operator sees it.
#[derive(Debug, Clone)]
pub struct TenantView {
    pub id: TenantId,
    pub name: String,
    pub uncertain_policy: UncertainPolicy,
    pub pause: Option<Pause>,
    pub created_at: DateTime<Utc>,
}

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
        // Its creation may be repeated after a crash, under the same id.
        let again = OnConflict::column(tenant::Column::Id).do_nothing().to_owned();
        tenant::Entity::insert(row).on_conflict(again).exec_without_returning(self.orm).await?;
        Ok(())
    }

    /// A page, the newest first, before `before`.
    pub async fn list(&self, before: Option<TenantId>, limit: u64) -> Result<Vec<TenantView>> {
        let mut found = tenant::Entity::find().order_by_desc(tenant::Column::Id).limit(limit);
        if let Some(before) = before {
            found = found.filter(tenant::Column::Id.lt(before.uuid()));
        }
        found.all(self.orm).await?.into_iter().map(view).collect()
    }

    pub async fn find(&self, id: TenantId) -> Result<Option<TenantView>> {
        tenant::Entity::find_by_id(id.uuid()).one(self.orm).await?.map(view).transpose()
    }

    /// Changes what is given. Answers whether there is such a tenant.
    pub async fn update(&self, id: TenantId, name: Option<&str>, policy: Option<UncertainPolicy>) -> Result<bool> {
        let updated = sqlx::query(
            "UPDATE tenants SET name = COALESCE($2, name), uncertain_policy = COALESCE($3, uncertain_policy) WHERE id = $1",
        )
        .bind(id.uuid())
        .bind(name)
        .bind(policy.map(UncertainPolicy::as_str))
        .execute(self.pool)
        .await?;
        Ok(updated.rows_affected() > 0)
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

fn view(row: tenant::Model) -> Result<TenantView> {
    Ok(TenantView {
        id: TenantId(row.id),
        uncertain_policy: UncertainPolicy::parse(&row.uncertain_policy)
            .ok_or(StoreError::Unreadable { noun: "tenants", column: "uncertain_policy" })?,
        pause: row.paused_at.map(|since| Pause {
            since,
            by: row.paused_by.unwrap_or_else(|| FLEET.to_owned()),
            reason: row.pause_reason.unwrap_or_default(),
        }),
        name: row.name,
        created_at: row.created_at,
    })
}
