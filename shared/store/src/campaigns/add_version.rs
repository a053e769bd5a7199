use domain::ids::{CampaignId, TenantId};
use domain::plans::{Compiled, Plan};

use super::Campaigns;
use crate::plans::{digits, put};
use crate::{Result, StoreError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionAnswer {
    Added(u32),
    /// It is the plan that holds already.
    Same(u32),
    /// It is completed or stopped.
    Over,
    NotFound,
}

impl Campaigns<'_> {
    /// Another plan for those who are enrolled from now on; who runs keeps theirs.
    pub async fn add_version(
        &self,
        tenant: TenantId,
        id: CampaignId,
        (plan, compiled): (&Plan, &Compiled),
        (generated_by, notes, by): (Option<&str>, Option<&str>, &str),
    ) -> Result<VersionAnswer> {
        let hash = digits(&compiled.hash).ok_or(StoreError::Unreadable { noun: "plans", column: "hash" })?;
        let mut transaction = self.pool.begin().await?;
        let found: Option<(String, i32, Vec<u8>)> = sqlx::query_as(
            "SELECT c.state, c.version, v.plan_hash
             FROM campaigns c JOIN campaign_versions v ON v.campaign_id = c.id AND v.version = c.version
             WHERE c.tenant_id = $1 AND c.id = $2 FOR UPDATE OF c",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .fetch_optional(&mut *transaction)
        .await?;
        let Some((state, version, standing)) = found else { return Ok(VersionAnswer::NotFound) };
        if matches!(state.as_str(), "completed" | "stopped") {
            return Ok(VersionAnswer::Over);
        }
        if standing == hash {
            return Ok(VersionAnswer::Same(version as u32));
        }
        put(&mut transaction, tenant, hash, plan).await?;
        sqlx::query(
            "INSERT INTO campaign_versions (tenant_id, campaign_id, version, plan_hash, generated_by, notes, created_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .bind(version + 1)
        .bind(&hash[..])
        .bind(generated_by)
        .bind(notes)
        .bind(by)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("UPDATE campaigns SET version = $3 WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.uuid())
            .bind(id.uuid())
            .bind(version + 1)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(VersionAnswer::Added(version as u32 + 1))
    }
}
