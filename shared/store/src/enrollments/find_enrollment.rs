use chrono::{DateTime, Utc};
use domain::ids::{CampaignId, ContactId, EnrollmentId, TenantId};
use serde_json::Value;
use uuid::Uuid;

use super::Enrollments;
use crate::plans::RunnablePlan;
use crate::{Result, StoreError};

#[derive(Debug, Clone)]
pub struct EnrollmentView {
    pub id: EnrollmentId,
    pub campaign: CampaignId,
    pub contact: ContactId,
    pub address: String,
    /// `active`, or how it ended.
    pub state: String,
    pub version: u32,
    pub run: u32,
    pub test_mode: bool,
    /// The node it stands at, by name, and how many it entered.
    pub node: String,
    pub visit: u32,
    pub tags: Vec<String>,
    pub data: Option<Value>,
    pub created_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
}

row! {
    struct Row {
        id: Uuid,
        campaign_id: Uuid,
        contact_id: Uuid,
        address: String,
        state: String,
        version: i32,
        run: i32,
        plan_hash: Vec<u8>,
        test_mode: bool,
        engine: Value,
        tags: Option<Vec<String>>,
        data: Option<Value>,
        created_at: DateTime<Utc>,
        ended_at: Option<DateTime<Utc>>,
    }
}

impl Enrollments<'_> {
    pub async fn find(&self, tenant: TenantId, id: EnrollmentId) -> Result<Option<EnrollmentView>> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT id, campaign_id, contact_id, address, state, version, run, plan_hash, test_mode, engine, tags, data,
                    created_at, ended_at
             FROM enrollments WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .fetch_optional(self.pool)
        .await?;
        match row {
            Some(row) => self.read(tenant, row).await.map(Some),
            None => Ok(None),
        }
    }

    /// Of a campaign, the newest first, those before `before`.
    pub async fn list(
        &self,
        tenant: TenantId,
        campaign: CampaignId,
        state: Option<&str>,
        before: Option<EnrollmentId>,
        limit: i64,
    ) -> Result<Vec<EnrollmentView>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, campaign_id, contact_id, address, state, version, run, plan_hash, test_mode, engine, tags, data,
                    created_at, ended_at
             FROM enrollments
             WHERE campaign_id = $2 AND tenant_id = $1 AND ($3::text IS NULL OR state = $3) AND ($4::uuid IS NULL OR id < $4)
             ORDER BY id DESC LIMIT $5",
        )
        .bind(tenant.uuid())
        .bind(campaign.uuid())
        .bind(state)
        .bind(before.map(|id| id.uuid()))
        .bind(limit)
        .fetch_all(self.pool)
        .await?;
        let mut views = Vec::with_capacity(rows.len());
        for row in rows {
            views.push(self.read(tenant, row).await?);
        }
        Ok(views)
    }

    async fn read(&self, tenant: TenantId, row: Row) -> Result<EnrollmentView> {
        let unreadable = |column| StoreError::Unreadable { noun: "enrollments", column };
        let engine: domain::engine::Enrollment =
            serde_json::from_value(row.engine).map_err(|_| unreadable("engine"))?;
        let hash = row.plan_hash.try_into().map_err(|_| unreadable("plan_hash"))?;
        let plan: std::sync::Arc<RunnablePlan> = self.plans().runnable(tenant, hash).await?;
        let node = plan.compiled.nodes.get(engine.node).map(|node| node.id.clone()).unwrap_or_default();
        Ok(EnrollmentView {
            id: EnrollmentId(row.id),
            campaign: CampaignId(row.campaign_id),
            contact: ContactId(row.contact_id),
            address: row.address,
            state: row.state,
            version: u32::try_from(row.version).unwrap_or(0),
            run: u32::try_from(row.run).unwrap_or(0),
            test_mode: row.test_mode,
            node,
            visit: engine.visit,
            tags: row.tags.unwrap_or_default(),
            data: row.data,
            created_at: row.created_at,
            ended_at: row.ended_at,
        })
    }
}
