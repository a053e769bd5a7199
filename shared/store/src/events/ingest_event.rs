use chrono::{DateTime, SubsecRound, Utc};
use domain::engine::{Event, step};
use domain::events::{EventKind, NewEvent};
use domain::ids::{ContactId, EnrollmentId, EventId, MessageId, TenantId};
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Events;
use crate::Result;
use crate::enrollments::{Cause, CauseKind, Kept, LockedEnrollment, StepWrite, in_lock_order, keep, lock};

/// Where an event came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventSource {
    /// `api`, `link`, or a provider's name.
    pub name: &'static str,
    /// The request or call that told it.
    pub id: Uuid,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ingested {
    /// Kept, and told to so many enrollments.
    Yes { event: EventId, enrollments: Vec<EnrollmentId>, kept: Kept },
    /// It was told before.
    Known,
    /// There is no such contact, enrollment or message of the tenant.
    Nobodys,
}

/// Whom an event concerns.
struct Concerned {
    contact: Option<ContactId>,
    address: Option<String>,
    message: Option<(MessageId, Option<u32>)>,
    /// The one that it is kept with.
    own: Option<EnrollmentId>,
    /// Active ones; those of a message even when they are over, for the record.
    enrollments: Vec<EnrollmentId>,
}

impl Events<'_> {
    /// Keeps an event once and does all that follows from it, in one transaction: facts of the message, the suppression,
    /// a step of each enrollment with its effects. `next_id` gives messages their ids.
    pub async fn ingest_event(
        &self,
        tenant: TenantId,
        id: EventId,
        source: EventSource,
        event: &NewEvent,
        next_id: &(dyn Fn() -> MessageId + Sync),
    ) -> Result<Ingested> {
        // As Postgres keeps it: what the engine is told and what is stored must be the same moment.
        let event = &NewEvent { occurred_at: event.occurred_at.trunc_subsecs(6), ..event.clone() };
        let mut transaction = self.pool.begin().await?;
        let Some(concerned) = concerned(&mut transaction, tenant, event).await? else { return Ok(Ingested::Nobodys) };
        let locked = lock(&mut transaction, tenant, &in_lock_order(concerned.enrollments.iter().copied())).await?;
        if !insert(&mut transaction, tenant, id, source, event, &concerned).await? {
            return Ok(Ingested::Known);
        }
        if let Some((message, _)) = concerned.message {
            note_fact(&mut transaction, tenant, message, event.kind, event.occurred_at).await?;
        }
        let now: DateTime<Utc> = sqlx::query_scalar("SELECT postfleet_now()").fetch_one(&mut *transaction).await?;
        let cause = Cause { what: CauseKind::Event, id: Some(id.uuid()) };
        let mut steps = Vec::new();
        for enrollment in locked.iter().filter(|locked| locked.is_active) {
            let Some(told) = told(event, &concerned, enrollment) else { continue };
            let plan = self.cache.runnable(&mut *transaction, tenant, enrollment.plan_hash).await?;
            let stepped = step(&plan.compiled, enrollment.engine.clone(), &told, now);
            steps.push(StepWrite::new(enrollment, &plan, stepped, cause, next_id));
        }
        let kept = keep(&mut transaction, tenant, &steps).await?;
        // Behind the messages' rows: a worker that records a refusal takes them in this order.
        if let (Some(reason), Some(address)) = (event.kind.suppresses(), &concerned.address) {
            // An unsubscription from one campaign leaves the others.
            if event.campaign.is_none() {
                suppress(&mut transaction, tenant, address, reason.as_str(), source.name).await?;
            }
        }
        transaction.commit().await?;
        Ok(Ingested::Yes { event: id, enrollments: steps.iter().map(|step| step.enrollment).collect(), kept })
    }
}

/// What an enrollment hears. Of a message that is not named, it is the one that its contact had last; what ends all mail
/// to an address is no matter of one message to the contact's other enrollments.
fn told(event: &NewEvent, concerned: &Concerned, enrollment: &LockedEnrollment) -> Option<Event> {
    let what = event.kind.plan_event()?;
    let at = event.occurred_at;
    if !event.kind.is_of_message() {
        return Some(Event::Contact { what, at });
    }
    let named = concerned.message.and_then(|(_, visit)| visit).filter(|_| concerned.own == Some(enrollment.id));
    let last = enrollment.engine.message_visit.filter(|_| concerned.message.is_none());
    match named.or(last) {
        Some(visit) => Some(Event::Message { visit, what, at }),
        None => event.kind.suppresses().map(|_| Event::Contact { what, at }),
    }
}

async fn concerned(connection: &mut PgConnection, tenant: TenantId, event: &NewEvent) -> Result<Option<Concerned>> {
    if let Some(message) = event.message {
        type Row = (String, Option<Uuid>, Option<i32>, Option<Uuid>);
        let found: Option<Row> = sqlx::query_as(
            "SELECT m.to_address, m.enrollment_id, m.visit, e.contact_id
             FROM messages m LEFT JOIN enrollments e ON e.id = m.enrollment_id
             WHERE m.tenant_id = $1 AND m.id = $2",
        )
        .bind(tenant.uuid())
        .bind(message.uuid())
        .fetch_optional(&mut *connection)
        .await?;
        let Some((address, enrollment, visit, contact)) = found else { return Ok(None) };
        let key = address.to_ascii_lowercase();
        let mut enrollments: Vec<EnrollmentId> = enrollment.map(EnrollmentId).into_iter().collect();
        // Who complains or leaves is done with all of it.
        if event.kind.suppresses().is_some()
            && let Some(contact) = contact
        {
            enrollments.extend(active_of(connection, tenant, contact, None).await?);
        }
        return Ok(Some(Concerned {
            contact: contact.map(ContactId),
            address: Some(key),
            message: Some((message, visit.and_then(|visit| u32::try_from(visit).ok()))),
            own: enrollment.map(EnrollmentId),
            enrollments,
        }));
    }
    if let Some(enrollment) = event.enrollment {
        let found: Option<(Uuid, String)> =
            sqlx::query_as("SELECT contact_id, address FROM enrollments WHERE tenant_id = $1 AND id = $2")
                .bind(tenant.uuid())
                .bind(enrollment.uuid())
                .fetch_optional(&mut *connection)
                .await?;
        let Some((contact, address)) = found else { return Ok(None) };
        let mut enrollments = vec![enrollment];
        if event.kind.suppresses().is_some() && event.campaign.is_none() {
            enrollments.extend(active_of(connection, tenant, contact, None).await?);
        }
        let (contact, address) = (Some(ContactId(contact)), Some(address.to_ascii_lowercase()));
        return Ok(Some(Concerned { contact, address, message: None, own: Some(enrollment), enrollments }));
    }
    let Some(address) = &event.address else { return Ok(None) };
    if let Some(campaign) = event.campaign {
        let known: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM campaigns WHERE tenant_id = $1 AND id = $2)")
                .bind(tenant.uuid())
                .bind(campaign.uuid())
                .fetch_one(&mut *connection)
                .await?;
        if !known {
            return Ok(None);
        }
    }
    let key = address.suppression_key();
    let contact: Option<Uuid> = sqlx::query_scalar(
        "SELECT contact_id FROM contact_addresses WHERE tenant_id = $1 AND channel = 'email' AND key = $2",
    )
    .bind(tenant.uuid())
    .bind(&key)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(contact) = contact else {
        // Nobody is enrolled under it; whoever wants no mail is to get none all the same.
        let wanted = event.kind.suppresses().is_some();
        let enrollments = Vec::new();
        let unknown = Concerned { contact: None, address: Some(key), message: None, own: None, enrollments };
        return Ok(wanted.then_some(unknown));
    };
    let enrollments = active_of(connection, tenant, contact, event.campaign.map(|id| id.uuid())).await?;
    let own = <[EnrollmentId; 1]>::try_from(enrollments.clone()).ok().map(|[only]| only);
    Ok(Some(Concerned { contact: Some(ContactId(contact)), address: Some(key), message: None, own, enrollments }))
}

async fn active_of(
    connection: &mut PgConnection,
    tenant: TenantId,
    contact: Uuid,
    campaign: Option<Uuid>,
) -> Result<Vec<EnrollmentId>> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "SELECT id FROM enrollments
         WHERE tenant_id = $1 AND contact_id = $2 AND state = 'active' AND ($3::uuid IS NULL OR campaign_id = $3)",
    )
    .bind(tenant.uuid())
    .bind(contact)
    .bind(campaign)
    .fetch_all(connection)
    .await?;
    Ok(ids.into_iter().map(EnrollmentId).collect())
}

/// Whether it is new.
async fn insert(
    connection: &mut PgConnection,
    tenant: TenantId,
    id: EventId,
    source: EventSource,
    event: &NewEvent,
    concerned: &Concerned,
) -> Result<bool> {
    let metadata = (!event.metadata.is_empty()).then(|| Value::Object(event.metadata.clone()));
    let hash = event_hash(tenant, source, event);
    // The key of a partitioned table has the time in it, and two tellers may say different times.
    sqlx::query("SELECT pg_advisory_xact_lock(('x' || left(encode($1, 'hex'), 16))::bit(64)::bigint)")
        .bind(&hash[..])
        .execute(&mut *connection)
        .await?;
    let done = sqlx::query(
        "INSERT INTO message_events (id, tenant_id, event_hash, type, occurred_at, message_id, enrollment_id, contact_id,
                                     source, metadata)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
         WHERE NOT EXISTS (SELECT 1 FROM message_events WHERE event_hash = $3)",
    )
    .bind(id.uuid())
    .bind(tenant.uuid())
    .bind(&hash[..])
    .bind(event.kind.as_str())
    .bind(event.occurred_at)
    .bind(concerned.message.map(|(message, _)| message.uuid()))
    .bind(concerned.own.map(|id| id.uuid()))
    .bind(concerned.contact.map(|id| id.uuid()))
    .bind(source.name)
    .bind(metadata)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// What tells an event from every other: the teller's id of it, or else the request that told it.
fn event_hash(tenant: TenantId, source: EventSource, event: &NewEvent) -> [u8; 32] {
    let hash = Sha256::new().chain_update(tenant.uuid().as_bytes()).chain_update(source.name).chain_update([0]);
    match &event.event_id {
        Some(own) => hash.chain_update(event.kind.as_str()).chain_update([0]).chain_update(own).finalize().into(),
        None => hash.chain_update(source.id.as_bytes()).finalize().into(),
    }
}

/// The earliest time that was told counts, in whatever order they come.
async fn note_fact(
    connection: &mut PgConnection,
    tenant: TenantId,
    message: MessageId,
    kind: EventKind,
    at: DateTime<Utc>,
) -> Result<()> {
    macro_rules! note {
        ($column:literal) => {
            concat!(
                "INSERT INTO message_facts (message_id, tenant_id, ",
                $column,
                ") VALUES ($1, $2, $3)
                 ON CONFLICT (message_id) DO UPDATE SET ",
                $column,
                " = LEAST(message_facts.",
                $column,
                ", excluded.",
                $column,
                ")"
            )
        };
    }
    let sql = match kind {
        EventKind::Delivered => note!("delivered_at"),
        EventKind::Delayed => note!("delayed_at"),
        EventKind::Opened => note!("opened_at"),
        EventKind::Clicked => note!("clicked_at"),
        EventKind::Replied => note!("replied_at"),
        EventKind::Bounced => note!("bounced_at"),
        EventKind::Blocked => note!("blocked_at"),
        EventKind::Complained => note!("complained_at"),
        EventKind::Unsubscribed => note!("unsubscribed_at"),
        EventKind::Converted | EventKind::Custom => return Ok(()),
    };
    sqlx::query(sql).bind(message.uuid()).bind(tenant.uuid()).bind(at).execute(connection).await?;
    Ok(())
}

async fn suppress(
    connection: &mut PgConnection,
    tenant: TenantId,
    key: &str,
    reason: &str,
    source: &str,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO suppressions (tenant_id, channel, address, reason, source) VALUES ($1, 'email', $2, $3, $4)
         ON CONFLICT (tenant_id, channel, address) DO UPDATE SET last_seen_at = postfleet_now()",
    )
    .bind(tenant.uuid())
    .bind(key)
    .bind(reason)
    .bind(source)
    .execute(connection)
    .await?;
    Ok(())
}
