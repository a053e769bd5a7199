use chrono::{DateTime, Utc};
use domain::ids::TenantId;
use domain::messages::resolve_uncertain::UncertainPolicy;
use sea_orm::{ActiveModelTrait, DatabaseConnection, EntityTrait, Set};
use sqlx::PgPool;

use crate::Result;
use crate::entities::tenant;
use crate::pauses::{OPERATOR, PauseAnswer, ResumeAnswer};

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

    /// Nothing is committed for it from here on. A pause that stands keeps its time, and its reason and
    /// author unless an operator takes it over.
    pub async fn pause(&self, id: TenantId, by: &str, reason: &str) -> Result<PauseAnswer> {
        let row: Option<(bool, DateTime<Utc>, String, Option<String>)> = sqlx::query_as(
            "WITH before AS (
                 SELECT id, paused_at IS NULL AS fresh,
                        paused_at IS NULL OR ($2 = 'operator' AND paused_by IS DISTINCT FROM 'operator') AS ours
                 FROM tenants WHERE id = $1 FOR UPDATE
             )
             UPDATE tenants t SET paused_at = COALESCE(t.paused_at, postfleet_now()),
                    pause_reason = CASE WHEN ours THEN $3 ELSE t.pause_reason END,
                    paused_by = CASE WHEN ours THEN $2 ELSE t.paused_by END
             FROM before WHERE t.id = before.id
             RETURNING before.fresh, t.paused_at, t.pause_reason, t.paused_by",
        )
        .bind(id.uuid())
        .bind(by)
        .bind(reason)
        .fetch_optional(self.pool)
        .await?;
        Ok(PauseAnswer::read(row))
    }

    /// What an operator paused only an operator lets go on.
    pub async fn resume(&self, id: TenantId, as_operator: bool) -> Result<ResumeAnswer> {
        let paused: Option<(bool, bool)> = sqlx::query_as(
            "WITH before AS (
                 SELECT id, paused_at, paused_at IS NULL OR $2 OR paused_by IS DISTINCT FROM $3 AS may FROM tenants
                 WHERE id = $1 FOR UPDATE
             )
             UPDATE tenants t SET paused_at = CASE WHEN may THEN NULL ELSE t.paused_at END,
                    pause_reason = CASE WHEN may THEN NULL ELSE t.pause_reason END,
                    paused_by = CASE WHEN may THEN NULL ELSE t.paused_by END
             FROM before WHERE t.id = before.id
             RETURNING before.paused_at IS NOT NULL, t.paused_at IS NOT NULL",
        )
        .bind(id.uuid())
        .bind(as_operator)
        .bind(OPERATOR)
        .fetch_optional(self.pool)
        .await?;
        Ok(ResumeAnswer::read(paused))
    }
}
