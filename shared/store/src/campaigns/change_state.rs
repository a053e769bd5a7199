use chrono::{DateTime, Utc};
use domain::campaigns::CampaignState;
use domain::engine::{End, Event, step};
use domain::ids::{CampaignId, EnrollmentId, MessageId, TenantId};
use uuid::Uuid;

use super::Campaigns;
use crate::enrollments::{Cause, CauseKind, StepWrite, keep, lock};
use crate::{Result, StoreError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateAnswer {
    Changed,
    /// It is so already.
    Already,
    /// From this state it cannot be.
    Refused(CampaignState),
    NotFound,
}

/// Enrollments ended in one transaction.
const END_BATCH: i64 = 500;

impl Campaigns<'_> {
    /// Takes enrollments from now on.
    pub async fn start(&self, tenant: TenantId, id: CampaignId) -> Result<StateAnswer> {
        let sql = "UPDATE campaigns SET state = 'active', started_at = COALESCE(started_at, postfleet_now())
                   WHERE tenant_id = $1 AND id = $2 AND state = 'draft'";
        let done = sqlx::query(sql).bind(tenant.uuid()).bind(id.uuid()).execute(self.pool).await?;
        self.answer(tenant, id, done.rows_affected(), CampaignState::Active).await
    }

    /// No message of it leaves any more: who is about to be sent loses the compare-and-set.
    pub async fn pause(&self, tenant: TenantId, id: CampaignId, by: &str, reason: &str) -> Result<StateAnswer> {
        let sql =
            "UPDATE campaigns SET state = 'paused', paused_at = postfleet_now(), paused_by = $3, pause_reason = $4
                   WHERE tenant_id = $1 AND id = $2 AND state = 'active'";
        let done =
            sqlx::query(sql).bind(tenant.uuid()).bind(id.uuid()).bind(by).bind(reason).execute(self.pool).await?;
        self.answer(tenant, id, done.rows_affected(), CampaignState::Paused).await
    }

    /// Goes on; what waited in its room is let out by `sort_rooms`.
    pub async fn resume(&self, tenant: TenantId, id: CampaignId) -> Result<StateAnswer> {
        let sql = "UPDATE campaigns SET state = 'active', paused_at = NULL, paused_by = NULL, pause_reason = NULL, error = NULL
                   WHERE tenant_id = $1 AND id = $2 AND state IN ('paused', 'error')";
        let done = sqlx::query(sql).bind(tenant.uuid()).bind(id.uuid()).execute(self.pool).await?;
        self.answer(tenant, id, done.rows_affected(), CampaignState::Active).await
    }

    /// Calls it off: nobody is enrolled any more, nothing of it leaves, and `end_stopped` ends who still runs.
    pub async fn stop(&self, tenant: TenantId, id: CampaignId) -> Result<StateAnswer> {
        let sql =
            "UPDATE campaigns SET state = 'stopped', finished_at = postfleet_now(), paused_at = NULL, paused_by = NULL,
                          pause_reason = NULL, error = NULL
                   WHERE tenant_id = $1 AND id = $2 AND state IN ('draft', 'active', 'paused', 'error')";
        let done = sqlx::query(sql).bind(tenant.uuid()).bind(id.uuid()).execute(self.pool).await?;
        self.answer(tenant, id, done.rows_affected(), CampaignState::Stopped).await
    }

    /// Takes nobody any more; it needs to have nobody who still runs.
    pub async fn complete(&self, tenant: TenantId, id: CampaignId) -> Result<StateAnswer> {
        let mut transaction = self.pool.begin().await?;
        // Whoever is being enrolled at this moment is waited for, and seen by the next statement.
        sqlx::query("SELECT 1 FROM campaigns WHERE tenant_id = $1 AND id = $2 FOR UPDATE")
            .bind(tenant.uuid())
            .bind(id.uuid())
            .execute(&mut *transaction)
            .await?;
        let sql = "UPDATE campaigns c SET state = 'completed', finished_at = postfleet_now()
                   WHERE c.tenant_id = $1 AND c.id = $2 AND c.state = 'active'
                     AND NOT EXISTS (SELECT 1 FROM enrollments e WHERE e.campaign_id = c.id AND e.state = 'active')";
        let done = sqlx::query(sql).bind(tenant.uuid()).bind(id.uuid()).execute(&mut *transaction).await?;
        transaction.commit().await?;
        self.answer(tenant, id, done.rows_affected(), CampaignState::Completed).await
    }

    async fn answer(&self, tenant: TenantId, id: CampaignId, changed: u64, to: CampaignState) -> Result<StateAnswer> {
        if changed > 0 {
            return Ok(StateAnswer::Changed);
        }
        let state: Option<String> = sqlx::query_scalar("SELECT state FROM campaigns WHERE tenant_id = $1 AND id = $2")
            .bind(tenant.uuid())
            .bind(id.uuid())
            .fetch_optional(self.pool)
            .await?;
        let Some(state) = state else { return Ok(StateAnswer::NotFound) };
        let state =
            CampaignState::parse(&state).ok_or(StoreError::Unreadable { noun: "campaigns", column: "state" })?;
        Ok(if state == to { StateAnswer::Already } else { StateAnswer::Refused(state) })
    }

    /// Stopped campaigns that somebody still runs through.
    pub async fn stopped_with_active_all_tenants(&self, limit: i64) -> Result<Vec<(TenantId, CampaignId)>> {
        let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
            "SELECT c.tenant_id, c.id FROM campaigns c
             WHERE c.state = 'stopped' AND c.finished_at > postfleet_now() - interval '30 days'
               AND EXISTS (SELECT 1 FROM enrollments e WHERE e.campaign_id = c.id AND e.state = 'active')
             LIMIT $1",
        )
        .bind(limit)
        .fetch_all(self.pool)
        .await?;
        Ok(rows.into_iter().map(|(tenant, id)| (TenantId(tenant), CampaignId(id))).collect())
    }

    /// Ends some of those who still run through a stopped campaign; answers how many. Whoever is left is for the next call.
    pub async fn end_stopped(
        &self,
        tenant: TenantId,
        id: CampaignId,
        next_id: &(dyn Fn() -> MessageId + Sync),
    ) -> Result<u64> {
        let mut transaction = self.pool.begin().await?;
        let ids: Vec<Uuid> = sqlx::query_scalar(
            "SELECT e.id FROM enrollments e JOIN campaigns c ON c.id = e.campaign_id
             WHERE e.campaign_id = $2 AND e.tenant_id = $1 AND e.state = 'active' AND c.state = 'stopped'
             ORDER BY e.id LIMIT $3",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .bind(END_BATCH)
        .fetch_all(&mut *transaction)
        .await?;
        let now: DateTime<Utc> = sqlx::query_scalar("SELECT postfleet_now()").fetch_one(&mut *transaction).await?;
        let ids: Vec<EnrollmentId> = ids.into_iter().map(EnrollmentId).collect();
        let cause = Cause { what: CauseKind::Request, id: Some(id.uuid()) };
        let mut steps = Vec::with_capacity(ids.len());
        for enrollment in lock(&mut transaction, tenant, &ids).await?.into_iter().filter(|locked| locked.is_active) {
            let plan = self.cache.runnable(&mut *transaction, tenant, enrollment.plan_hash).await?;
            let stepped = step(&plan.compiled, enrollment.engine.clone(), &Event::Ended(End::Canceled), now);
            steps.push(StepWrite::new(&enrollment, &plan, stepped, cause, next_id));
        }
        keep(&mut transaction, tenant, &steps).await?;
        transaction.commit().await?;
        Ok(steps.len() as u64)
    }
}
