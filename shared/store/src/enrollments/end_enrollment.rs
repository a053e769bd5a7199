use chrono::{DateTime, Utc};
use domain::engine::{End, Event, step};
use domain::ids::{EnrollmentId, MessageId, TenantId};

use super::{Cause, CauseKind, Enrollments, Kept, StepWrite, keep, lock};
use crate::Result;
use crate::unsubscribe::UnsubscribeToken;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndAnswer {
    Ended(Kept),
    /// It had ended before.
    Already,
    NotFound,
}

impl Enrollments<'_> {
    /// Calls one off: its timers and what of it is not past the point of no return are canceled with it.
    pub async fn cancel(
        &self,
        tenant: TenantId,
        id: EnrollmentId,
        next_id: &(dyn Fn() -> MessageId + Sync),
    ) -> Result<EndAnswer> {
        let mut transaction = self.pool.begin().await?;
        let locked = lock(&mut transaction, tenant, &[id]).await?;
        let Some(enrollment) = locked.first() else { return Ok(EndAnswer::NotFound) };
        if !enrollment.is_active {
            return Ok(EndAnswer::Already);
        }
        let now: DateTime<Utc> = sqlx::query_scalar("SELECT postfleet_now()").fetch_one(&mut *transaction).await?;
        let plan = self.cache.runnable(&mut *transaction, tenant, enrollment.plan_hash).await?;
        let stepped = step(&plan.compiled, enrollment.engine.clone(), &Event::Ended(End::Canceled), now);
        let cause = Cause { what: CauseKind::Request, id: None };
        let step = StepWrite::new(enrollment, &plan, stepped, cause, next_id);
        let kept = keep(&mut transaction, tenant, &[step]).await?;
        transaction.commit().await?;
        Ok(EndAnswer::Ended(kept))
    }

    /// Whose link to unsubscribe this is: tenant, enrollment, and whether its address is suppressed already. The token is
    /// all that is known of who asks.
    pub async fn by_token_all_tenants(&self, token: &UnsubscribeToken) -> Result<Option<UnsubscribeFacts>> {
        let found: Option<(uuid::Uuid, String, String, bool)> = sqlx::query_as(
            "SELECT e.tenant_id, t.name, e.address, EXISTS (
                 SELECT 1 FROM suppressions x
                 WHERE x.tenant_id = e.tenant_id AND x.channel = 'email' AND x.address = lower(e.address))
             FROM enrollments e JOIN tenants t ON t.id = e.tenant_id
             WHERE e.id = $1 AND e.secret = $2",
        )
        .bind(token.enrollment.uuid())
        .bind(token.secret)
        .fetch_optional(self.pool)
        .await?;
        Ok(found.map(|(tenant, tenant_name, address, suppressed)| UnsubscribeFacts {
            tenant: TenantId(tenant),
            tenant_name,
            address,
            suppressed,
        }))
    }
}

#[derive(Debug, Clone)]
pub struct UnsubscribeFacts {
    pub tenant: TenantId,
    pub tenant_name: String,
    pub address: String,
    pub suppressed: bool,
}
