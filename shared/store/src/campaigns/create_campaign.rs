use domain::campaigns::NewCampaign;
use domain::ids::{CampaignId, TenantId};

use super::Campaigns;
use crate::plans::{digits, put};
use crate::{Result, StoreError};

impl Campaigns<'_> {
    /// Stores a campaign with its plan as version 1. The same id again, of a request that is repeated, changes nothing.
    pub async fn create(&self, tenant: TenantId, id: CampaignId, new: &NewCampaign, by: &str) -> Result<()> {
        let hash = digits(&new.compiled.hash).ok_or(StoreError::Unreadable { noun: "plans", column: "hash" })?;
        let mut transaction = self.pool.begin().await?;
        put(&mut transaction, tenant, hash, &new.plan).await?;
        let state = if new.start { "active" } else { "draft" };
        let made = sqlx::query(
            "INSERT INTO campaigns (id, tenant_id, name, kind, state, sender_id, reply_to, started_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, CASE WHEN $5 = 'active' THEN postfleet_now() END)
             ON CONFLICT DO NOTHING",
        )
        .bind(id.uuid())
        .bind(tenant.uuid())
        .bind(&new.name)
        .bind(new.kind.as_str())
        .bind(state)
        .bind(new.sender.map(|sender| sender.uuid()))
        .bind(new.reply_to.as_ref().map(|to| to.as_str()))
        .execute(&mut *transaction)
        .await?;
        if made.rows_affected() > 0 {
            sqlx::query(
                "INSERT INTO campaign_versions (tenant_id, campaign_id, version, plan_hash, generated_by, notes, created_by)
                 VALUES ($1, $2, 1, $3, $4, $5, $6)",
            )
            .bind(tenant.uuid())
            .bind(id.uuid())
            .bind(&hash[..])
            .bind(&new.generated_by)
            .bind(&new.notes)
            .bind(by)
            .execute(&mut *transaction)
            .await?;
        }
        Ok(transaction.commit().await?)
    }
}
