use std::collections::BTreeSet;

use domain::ids::{EnrollmentId, SenderId, TenantId};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::lock_enrollments::ACTIVE;
use super::step_write::{StepMessage, StepWrite, dedupe_hash};
use crate::Result;

/// What a transaction that steps enrollments leaves behind, for whoever is to be told after its commit.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Senders that have new messages.
    pub senders: BTreeSet<SenderId>,
    pub messages: u64,
    pub canceled: u64,
}

/// Writes steps and their effects: a statement for each kind of effect, however many steps there are. The enrollments
/// are locked by this transaction.
pub(crate) async fn keep(connection: &mut PgConnection, tenant: TenantId, steps: &[StepWrite]) -> Result<Kept> {
    keep_engines(connection, steps).await?;
    keep_effects(connection, tenant, steps).await
}

async fn keep_engines(connection: &mut PgConnection, steps: &[StepWrite]) -> Result<()> {
    sqlx::query(
        "UPDATE enrollments e SET engine = s.engine, state = s.state,
                ended_at = CASE WHEN s.state <> 'active' THEN postfleet_now() END
         FROM unnest($1::uuid[], $2::jsonb[], $3::text[]) AS s (id, engine, state)
         WHERE e.id = s.id",
    )
    .bind(steps.iter().map(|step| step.enrollment.uuid()).collect::<Vec<_>>())
    .bind(steps.iter().map(|step| Json(&step.engine)).collect::<Vec<_>>())
    .bind(steps.iter().map(StepWrite::state).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// All that a step does beside the enrollment's own row.
pub(crate) async fn keep_effects(connection: &mut PgConnection, tenant: TenantId, steps: &[StepWrite]) -> Result<Kept> {
    note_transitions(connection, tenant, steps).await?;
    cancel_timers(connection, steps).await?;
    set_timers(connection, tenant, steps).await?;
    let canceled = cancel_messages(connection, tenant, steps).await?;
    let senders = schedule_messages(connection, tenant, steps).await?;
    let messages = senders.len() as u64;
    Ok(Kept { senders: senders.into_iter().collect(), messages, canceled })
}

async fn note_transitions(connection: &mut PgConnection, tenant: TenantId, steps: &[StepWrite]) -> Result<()> {
    let all: Vec<_> =
        steps.iter().flat_map(|step| step.transitions.iter().map(|told| (step.enrollment, told))).collect();
    if all.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO transitions (tenant_id, enrollment_id, visit, from_node, on_event, to_node, cause, cause_id)
         SELECT $1, t.* FROM unnest($2::uuid[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[]) AS t
         ON CONFLICT (enrollment_id, visit) DO NOTHING",
    )
    .bind(tenant.uuid())
    .bind(all.iter().map(|(enrollment, _)| enrollment.uuid()).collect::<Vec<_>>())
    .bind(all.iter().map(|(_, told)| told.visit as i32).collect::<Vec<_>>())
    .bind(all.iter().map(|(_, told)| told.from.as_str()).collect::<Vec<_>>())
    .bind(all.iter().map(|(_, told)| told.on).collect::<Vec<_>>())
    .bind(all.iter().map(|(_, told)| told.to.as_deref()).collect::<Vec<_>>())
    .bind(all.iter().map(|(_, told)| told.cause.what.as_str()).collect::<Vec<_>>())
    .bind(all.iter().map(|(_, told)| told.cause.id).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Timers of visits that are over; of an enrollment that ended, all of them.
async fn cancel_timers(connection: &mut PgConnection, steps: &[StepWrite]) -> Result<()> {
    let visits = steps.iter().flat_map(|step| {
        let all = (step.state() != ACTIVE).then_some(None);
        let some = step.canceled_visits.iter().map(|visit| Some(*visit as i32)).filter(move |_| all.is_none());
        all.into_iter().chain(some).map(|visit| (step.enrollment.uuid(), visit))
    });
    let (enrollments, visits): (Vec<Uuid>, Vec<Option<i32>>) = visits.unzip();
    if enrollments.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "WITH ours AS MATERIALIZED (
             SELECT t.id FROM unnest($1::uuid[], $2::integer[]) AS c (enrollment_id, visit)
             JOIN timers t ON t.enrollment_id = c.enrollment_id
             WHERE (c.visit IS NULL OR t.visit = c.visit) AND t.state IN ('scheduled', 'queued')
             ORDER BY t.id FOR UPDATE OF t
         )
         UPDATE timers t SET state = 'canceled', finished_at = postfleet_now(), job_id = NULL, queued_at = NULL
         FROM ours o WHERE t.id = o.id AND t.state IN ('scheduled', 'queued')",
    )
    .bind(enrollments)
    .bind(visits)
    .execute(connection)
    .await?;
    Ok(())
}

async fn set_timers(connection: &mut PgConnection, tenant: TenantId, steps: &[StepWrite]) -> Result<()> {
    let all: Vec<_> = steps.iter().flat_map(|step| step.timers.iter().map(|timer| (step.enrollment, timer))).collect();
    if all.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO timers (tenant_id, enrollment_id, visit, kind, due, run_at)
         SELECT $1, t.enrollment_id, t.visit, t.kind, t.due, t.due
         FROM unnest($2::uuid[], $3::integer[], $4::text[], $5::timestamptz[]) AS t (enrollment_id, visit, kind, due)
         ON CONFLICT (enrollment_id, visit, kind) DO NOTHING",
    )
    .bind(tenant.uuid())
    .bind(all.iter().map(|(enrollment, _)| enrollment.uuid()).collect::<Vec<_>>())
    .bind(all.iter().map(|(_, timer)| timer.visit as i32).collect::<Vec<_>>())
    .bind(all.iter().map(|(_, timer)| timer.kind.as_str()).collect::<Vec<_>>())
    .bind(all.iter().map(|(_, timer)| timer.due).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// What is scheduled or queued; what a worker is about to commit is waited for, and then is canceled or is not.
async fn cancel_messages(connection: &mut PgConnection, tenant: TenantId, steps: &[StepWrite]) -> Result<u64> {
    let ended: Vec<Uuid> =
        steps.iter().filter(|step| step.cancels_messages).map(|step| step.enrollment.uuid()).collect();
    if ended.is_empty() {
        return Ok(0);
    }
    let done = sqlx::query(
        "WITH ours AS MATERIALIZED (
             SELECT r.message_id
             FROM messages m JOIN message_runs r ON r.message_id = m.id
             WHERE m.enrollment_id = ANY($2) AND m.tenant_id = $1 AND r.state IN ('scheduled', 'queued')
             ORDER BY r.message_id FOR UPDATE OF r
         )
         UPDATE message_runs r SET state = 'canceled', wait_key = '', finished_at = postfleet_now()
         FROM ours WHERE r.message_id = ours.message_id AND r.state IN ('scheduled', 'queued')",
    )
    .bind(tenant.uuid())
    .bind(ended)
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

async fn schedule_messages(
    connection: &mut PgConnection,
    tenant: TenantId,
    steps: &[StepWrite],
) -> Result<Vec<SenderId>> {
    let all: Vec<(&StepWrite, &StepMessage)> =
        steps.iter().flat_map(|step| step.messages.iter().map(move |message| (step, message))).collect();
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let hash = |(step, message): &(&StepWrite, &StepMessage)| dedupe_hash(tenant, step.enrollment, message.visit);
    let hashes: Vec<[u8; 32]> = all.iter().map(hash).collect();
    let key = |message: &StepMessage| message.mail.address.to_ascii_lowercase();
    let keys: Vec<String> = all.iter().map(|(_, message)| key(message)).collect();
    let domains: Vec<&str> = keys.iter().map(|key| key.rsplit('@').next().unwrap_or_default()).collect();
    let senders: Vec<Uuid> = sqlx::query_scalar(include_str!("schedule_messages.sql"))
        .bind(tenant.uuid())
        .bind(all.iter().map(|(_, message)| message.id.uuid()).collect::<Vec<_>>())
        .bind(all.iter().map(|(_, message)| message.sender.uuid()).collect::<Vec<_>>())
        .bind(all.iter().map(|(_, message)| message.content.uuid()).collect::<Vec<_>>())
        .bind(all.iter().map(|(_, message)| message.mail.address.as_str()).collect::<Vec<_>>())
        .bind(&keys)
        .bind(all.iter().map(|(_, message)| message.mail.reply_to.as_deref()).collect::<Vec<_>>())
        .bind(all.iter().map(|(_, message)| message.mail.headers.as_ref().map(Json)).collect::<Vec<_>>())
        .bind(all.iter().map(|(_, message)| message.mail.tags.as_ref().map(Json)).collect::<Vec<_>>())
        .bind(all.iter().map(|(_, message)| Json(&message.data)).collect::<Vec<_>>())
        .bind(hashes.iter().map(|hash| &hash[..]).collect::<Vec<_>>())
        .bind(all.iter().map(|(_, message)| message.run_at).collect::<Vec<_>>())
        .bind(all.iter().map(|(step, _)| step.campaign.uuid()).collect::<Vec<_>>())
        .bind(all.iter().map(|(step, _)| step.enrollment.uuid()).collect::<Vec<_>>())
        .bind(all.iter().map(|(_, message)| message.visit as i32).collect::<Vec<_>>())
        .bind(&domains)
        .fetch_all(connection)
        .await?;
    Ok(senders.into_iter().map(SenderId).collect())
}

/// The enrollments that steps belong to, in the order in which they are locked.
pub(crate) fn in_lock_order(ids: impl IntoIterator<Item = EnrollmentId>) -> Vec<EnrollmentId> {
    ids.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}
