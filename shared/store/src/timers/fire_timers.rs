use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{EnrollmentId, JobId, TenantId, TimerId};
use domain::messages::MessageState;
use domain::timers::{FiredKind, TimerFacts};
use sqlx::{Postgres, Transaction};
use uuid::Uuid;

use super::Timers;
use crate::enrollments::{Kept, LockedEnrollment, StepWrite, in_lock_order, keep, lock};
use crate::plans::RunnablePlan;
use crate::{Result, StoreError};

/// A call that comes so long after a timer was due may still tell of before.
const LATE_NEWS: TimeDelta = TimeDelta::minutes(1);

/// Timers of one job, their enrollments locked, in a transaction that ends with `keep`. Dropped, nothing happened.
pub struct Firing {
    transaction: Transaction<'static, Postgres>,
    tenant: TenantId,
    /// In the order of their times.
    pub due: Vec<DueTimer>,
    pub enrollments: HashMap<EnrollmentId, LockedEnrollment>,
    /// By hash.
    pub plans: HashMap<[u8; 32], Arc<RunnablePlan>>,
    pub now: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy)]
pub struct DueTimer {
    pub id: TimerId,
    pub enrollment: EnrollmentId,
    pub facts: TimerFacts,
}

row! {
    struct Row {
        id: Uuid,
        enrollment_id: Uuid,
        visit: i32,
        kind: String,
        due: DateTime<Utc>,
        message_state: Option<String>,
        message_class: Option<String>,
    }
}

impl Timers<'_> {
    /// Locks the enrollments of a job's timers, then takes those that are still the job's. What was canceled or belongs
    /// to another job by now is not among them.
    pub async fn begin_firing(&self, tenant: TenantId, job: JobId, timers: &[TimerId]) -> Result<Firing> {
        let mut transaction = self.pool.begin().await?;
        let ids: Vec<Uuid> = timers.iter().map(|id| id.uuid()).collect();
        let owners: Vec<Uuid> = sqlx::query_scalar(
            "SELECT DISTINCT enrollment_id FROM timers
             WHERE id = ANY($3) AND tenant_id = $1 AND job_id = $2 AND state = 'queued'",
        )
        .bind(tenant.uuid())
        .bind(job.uuid())
        .bind(&ids)
        .fetch_all(&mut *transaction)
        .await?;
        let locked = lock(&mut transaction, tenant, &in_lock_order(owners.into_iter().map(EnrollmentId))).await?;
        // Only now: what was read before the locks were had may have changed since.
        let rows: Vec<Row> = sqlx::query_as(include_str!("claim_timers.sql"))
            .bind(tenant.uuid())
            .bind(job.uuid())
            .bind(&ids)
            .fetch_all(&mut *transaction)
            .await?;
        let (now, unread_since): (DateTime<Utc>, Option<DateTime<Utc>>) = sqlx::query_as(
            "SELECT postfleet_now(),
                    (SELECT min(received_at) FROM webhook_calls WHERE tenant_id = $1 AND state IN ('scheduled', 'queued'))",
        )
        .bind(tenant.uuid())
        .fetch_one(&mut *transaction)
        .await?;
        let mut plans = HashMap::new();
        for enrollment in &locked {
            if let Entry::Vacant(place) = plans.entry(enrollment.plan_hash) {
                place.insert(self.cache.runnable(&mut *transaction, tenant, enrollment.plan_hash).await?);
            }
        }
        let enrollments: HashMap<EnrollmentId, LockedEnrollment> =
            locked.into_iter().map(|locked| (locked.id, locked)).collect();
        let denies = |enrollment: &EnrollmentId| {
            let locked = enrollments.get(enrollment)?;
            let node = plans.get(&locked.plan_hash)?.compiled.nodes.get(locked.engine.node)?;
            Some(node.next.iter().any(|next| !next.on.denied_by().is_empty()))
        };
        let mut due = Vec::with_capacity(rows.len());
        for row in rows {
            let mut timer: DueTimer = row.read(unread_since, now)?;
            timer.facts.node_denies = denies(&timer.enrollment).unwrap_or(false);
            due.push(timer);
        }
        Ok(Firing { transaction, tenant, due, enrollments, plans, now })
    }
}

impl Firing {
    /// Writes steps and their effects, puts off what is snoozed, and commits all of it.
    pub async fn keep(mut self, steps: &[StepWrite], snoozed: &[(TimerId, Duration)]) -> Result<Kept> {
        if !snoozed.is_empty() {
            sqlx::query(
                "UPDATE timers t SET state = 'scheduled', finished_at = NULL, job_id = NULL, queued_at = NULL,
                        run_at = postfleet_now() + make_interval(secs => s.secs)
                 FROM unnest($1::uuid[], $2::float8[]) AS s (id, secs) WHERE t.id = s.id",
            )
            .bind(snoozed.iter().map(|(id, _)| id.uuid()).collect::<Vec<_>>())
            .bind(snoozed.iter().map(|(_, delay)| delay.as_secs_f64()).collect::<Vec<_>>())
            .execute(&mut *self.transaction)
            .await?;
        }
        let kept = keep(&mut self.transaction, self.tenant, steps).await?;
        self.transaction.commit().await?;
        Ok(kept)
    }
}

impl Row {
    fn read(self, unread_since: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<DueTimer> {
        let unreadable = |column| StoreError::Unreadable { noun: "timers", column };
        let message = self.message_state.as_deref().map(MessageState::parse);
        let facts = TimerFacts {
            kind: FiredKind::parse(&self.kind).ok_or_else(|| unreadable("kind"))?,
            visit: u32::try_from(self.visit).map_err(|_| unreadable("visit"))?,
            due: self.due,
            message: message.flatten(),
            address_refused: self.message_class.as_deref().is_some_and(domain::messages::refusal::blames_address),
            news_unread: unread_since.is_some_and(|since| since <= self.due + LATE_NEWS),
            node_denies: false,
            now,
        };
        Ok(DueTimer { id: TimerId(self.id), enrollment: EnrollmentId(self.enrollment_id), facts })
    }
}
