use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::campaigns::CampaignState;
use domain::engine::{End, Enrollment, Event, Stepped, begin, step};
use domain::ids::{CampaignId, ContactId, EnrollmentId, MessageId, SenderId, TenantId};
use domain::plans::Zone;
use serde_json::{Value, json};
use sqlx::{Acquire, PgConnection};
use uuid::Uuid;

use super::keep_steps::{Kept, keep, keep_effects};
use super::lock_enrollments::{ACTIVE, LockedEnrollment, MailFacts, lock, object};
use super::merge_contacts::{Known, merge_all, some};
use super::step_write::{Cause, CauseKind, StepWrite};
use super::{EnrollAnswer, Enrollments, NewEnrollment};
use crate::plans::{PlanCache, RunnablePlan};
use crate::{Result, StoreError};

/// Why nobody was enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotEnrolled {
    NoSuchCampaign,
    /// It takes nobody in this state.
    Closed(CampaignState),
}

/// A campaign as those who enroll in it see it, held as it is until the transaction ends.
pub(crate) struct OpenCampaign {
    id: CampaignId,
    name: String,
    version: i32,
    sender: Option<SenderId>,
    reply_to: Option<String>,
    now: DateTime<Utc>,
    plan: Arc<RunnablePlan>,
}

/// Times as fast as days pass in test mode: a day as a minute.
pub const TEST_PACE: u32 = 1_440;

impl Enrollments<'_> {
    /// Enrolls contacts, and answers for each in order. All of it is one transaction: contacts, enrollments, their first
    /// messages and timers. No two of them may have one address.
    pub async fn enroll(
        &self,
        tenant: TenantId,
        campaign: CampaignId,
        asked: &[NewEnrollment],
        next_id: &(dyn Fn() -> MessageId + Sync),
    ) -> Result<Result<(Vec<EnrollAnswer>, Kept), NotEnrolled>> {
        let mut connection = self.pool.acquire().await?;
        let mut transaction = connection.begin().await?;
        let enrolled = match self.open_campaign(&mut transaction, tenant, campaign).await? {
            Ok(open) => enroll(&mut transaction, self.cache, tenant, &open, asked, next_id).await?,
            Err(closed) => return Ok(Err(closed)),
        };
        transaction.commit().await?;
        Ok(Ok(enrolled))
    }

    /// Holds a campaign that takes enrollments in that state: whoever stops it waits, and then finds all of them.
    pub(crate) async fn open_campaign(
        &self,
        connection: &mut PgConnection,
        tenant: TenantId,
        id: CampaignId,
    ) -> Result<Result<OpenCampaign, NotEnrolled>> {
        type Row = (String, String, i32, Option<Uuid>, Option<String>, Vec<u8>, DateTime<Utc>);
        let found: Option<Row> = sqlx::query_as(
            "SELECT c.state, c.name, c.version, c.sender_id, c.reply_to, v.plan_hash, postfleet_now()
             FROM campaigns c JOIN campaign_versions v ON v.campaign_id = c.id AND v.version = c.version
             WHERE c.tenant_id = $1 AND c.id = $2 FOR SHARE OF c",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .fetch_optional(&mut *connection)
        .await?;
        let Some((state, name, version, sender, reply_to, hash, now)) = found else {
            return Ok(Err(NotEnrolled::NoSuchCampaign));
        };
        let state =
            CampaignState::parse(&state).ok_or(StoreError::Unreadable { noun: "campaigns", column: "state" })?;
        if !state.takes_enrollments() {
            return Ok(Err(NotEnrolled::Closed(state)));
        }
        let hash = hash.try_into().map_err(|_| StoreError::Unreadable { noun: "plans", column: "hash" })?;
        let plan = self.cache.runnable(&mut *connection, tenant, hash).await?;
        let sender = sender.map(SenderId);
        Ok(Ok(OpenCampaign { id, name, version, sender, reply_to, now, plan }))
    }
}

pub(crate) async fn enroll(
    connection: &mut PgConnection,
    plans: &PlanCache,
    tenant: TenantId,
    campaign: &OpenCampaign,
    asked: &[NewEnrollment],
    next_id: &(dyn Fn() -> MessageId + Sync),
) -> Result<(Vec<EnrollAnswer>, Kept)> {
    let keys: Vec<String> = asked.iter().map(|new| new.address.suppression_key()).collect();
    let suppressed = suppressed(connection, tenant, &keys).await?;
    let mut answers: Vec<Option<EnrollAnswer>> = keys.iter().map(|key| suppressed.get(key).cloned()).collect();
    // A request that is repeated after a crash finds what it had done.
    let done = own_before(connection, tenant, asked).await?;
    for (at, new) in asked.iter().enumerate() {
        if let Some(contact) = done.get(&new.id) {
            answers[at] = Some(EnrollAnswer::Existing { id: new.id, contact: *contact });
        }
    }
    let open: Vec<usize> = (0..asked.len()).filter(|at| answers[*at].is_none()).collect();
    let contacts = merge_all(connection, tenant, &open, asked, &keys).await?;
    let known = |at: usize| contacts.get(&keys[at]).ok_or(StoreError::Unavailable(sqlx::Error::RowNotFound));

    let forced: Vec<ContactId> = open
        .iter()
        .filter(|at| asked[**at].force_new)
        .map(|at| Ok(ContactId(known(*at)?.contact_id)))
        .collect::<Result<_>>()?;
    let (runs, mut kept) = call_off(connection, plans, tenant, campaign, &forced, next_id).await?;

    let mut begun = Vec::with_capacity(open.len());
    for at in &open {
        let (contact, new) = (known(*at)?, &asked[*at]);
        let id = ContactId(contact.contact_id);
        let zone: Option<Zone> = contact.timezone.as_deref().and_then(|zone| zone.parse().ok());
        let pace = if new.test_mode { TEST_PACE } else { 1 };
        let start = new.start_at.map_or(campaign.now, |at| at.max(campaign.now));
        begun.push((*at, id, runs.get(&id).copied().unwrap_or(0), begin(&campaign.plan.compiled, zone, pace, start)));
    }
    let inserted = insert(connection, tenant, campaign, asked, &begun).await?;
    let cause = Cause { what: CauseKind::Request, id: None };
    let mut steps = Vec::with_capacity(begun.len());
    let mut existing = Vec::new();
    for (at, contact, _, stepped) in begun {
        let new = &asked[at];
        if let Some(secret) = inserted.get(&new.id) {
            let locked = as_locked(tenant, campaign, known(at)?, new, *secret, &stepped.enrollment);
            steps.push(StepWrite::new(&locked, &campaign.plan, stepped, cause, next_id));
            answers[at] = Some(EnrollAnswer::Enrolled { id: new.id, contact });
        } else {
            existing.push((at, contact));
        }
    }
    let standing: Vec<ContactId> = existing.iter().map(|(_, contact)| *contact).collect();
    let before = newest(connection, campaign.id, &standing).await?;
    for (at, contact) in existing {
        answers[at] = before.get(&contact).map(|(id, _)| EnrollAnswer::Existing { id: *id, contact });
    }
    let own = keep_effects(connection, tenant, &steps).await?;
    kept.senders.extend(own.senders);
    kept.messages += own.messages;
    let lost = || StoreError::Unavailable(sqlx::Error::RowNotFound);
    Ok((answers.into_iter().map(|answer| answer.ok_or_else(lost)).collect::<Result<_>>()?, kept))
}

async fn suppressed(
    connection: &mut PgConnection,
    tenant: TenantId,
    keys: &[String],
) -> Result<HashMap<String, EnrollAnswer>> {
    let rows: Vec<(String, String, DateTime<Utc>)> = sqlx::query_as(
        "SELECT address, reason, first_seen_at FROM suppressions
         WHERE tenant_id = $1 AND channel = 'email' AND address = ANY($2)",
    )
    .bind(tenant.uuid())
    .bind(keys)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(key, reason, since)| (key, EnrollAnswer::Suppressed { reason, since })).collect())
}

/// Which of these enrollments there are already, with their contacts.
async fn own_before(
    connection: &mut PgConnection,
    tenant: TenantId,
    asked: &[NewEnrollment],
) -> Result<HashMap<EnrollmentId, ContactId>> {
    let ids: Vec<Uuid> = asked.iter().map(|new| new.id.uuid()).collect();
    let rows: Vec<(Uuid, Uuid)> =
        sqlx::query_as("SELECT id, contact_id FROM enrollments WHERE tenant_id = $1 AND id = ANY($2)")
            .bind(tenant.uuid())
            .bind(ids)
            .fetch_all(connection)
            .await?;
    Ok(rows.into_iter().map(|(id, contact)| (EnrollmentId(id), ContactId(contact))).collect())
}

/// Ends what still runs of contacts that begin anew; answers the number of each one's next run.
async fn call_off(
    connection: &mut PgConnection,
    plans: &PlanCache,
    tenant: TenantId,
    campaign: &OpenCampaign,
    contacts: &[ContactId],
    next_id: &(dyn Fn() -> MessageId + Sync),
) -> Result<(HashMap<ContactId, i32>, Kept)> {
    if contacts.is_empty() {
        return Ok((HashMap::new(), Kept::default()));
    }
    let newest = newest(connection, campaign.id, contacts).await?;
    let ids: Vec<EnrollmentId> = newest.values().map(|(id, _)| *id).collect();
    let mut steps = Vec::new();
    for locked in lock(connection, tenant, &ids).await?.into_iter().filter(|locked| locked.is_active) {
        // Its own plan: the campaign may have another by now.
        let plan = plans.runnable(&mut *connection, tenant, locked.plan_hash).await?;
        let stepped = step(&plan.compiled, locked.engine.clone(), &Event::Ended(End::Canceled), campaign.now);
        let cause = Cause { what: CauseKind::Request, id: None };
        steps.push(StepWrite::new(&locked, &plan, stepped, cause, next_id));
    }
    let kept = keep(connection, tenant, &steps).await?;
    Ok((newest.into_iter().map(|(contact, (_, run))| (contact, run + 1)).collect(), kept))
}

type Begun = (usize, ContactId, i32, Stepped);

/// Answers those that were not enrolled before, with their secrets.
async fn insert(
    connection: &mut PgConnection,
    tenant: TenantId,
    campaign: &OpenCampaign,
    asked: &[NewEnrollment],
    begun: &[Begun],
) -> Result<HashMap<EnrollmentId, Uuid>> {
    let of = |(at, ..): &Begun| &asked[*at];
    let state = |(.., stepped): &Begun| stepped.enrollment.end().map_or(ACTIVE, End::as_str);
    let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(include_str!("insert_enrollments.sql"))
        .bind(tenant.uuid())
        .bind(campaign.id.uuid())
        .bind(campaign.version)
        .bind(&campaign.plan.hash[..])
        .bind(begun.iter().map(|begun| of(begun).id.uuid()).collect::<Vec<_>>())
        .bind(begun.iter().map(|(_, contact, ..)| contact.uuid()).collect::<Vec<_>>())
        .bind(begun.iter().map(|(_, _, run, _)| *run).collect::<Vec<_>>())
        .bind(begun.iter().map(|begun| of(begun).address.as_str()).collect::<Vec<_>>())
        .bind(begun.iter().map(state).collect::<Vec<_>>())
        .bind(begun.iter().map(|(.., stepped)| json!(stepped.enrollment)).collect::<Vec<_>>())
        .bind(begun.iter().map(|begun| of(begun).test_mode).collect::<Vec<_>>())
        .bind(begun.iter().map(|begun| of(begun).reply_to.as_ref().map(|to| to.as_str())).collect::<Vec<_>>())
        .bind(begun.iter().map(|begun| headers(of(begun))).collect::<Vec<_>>())
        .bind(begun.iter().map(|begun| tags(of(begun)).map(|tags| json!(tags))).collect::<Vec<_>>())
        .bind(begun.iter().map(|begun| some(&of(begun).data)).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(|(id, secret)| (EnrollmentId(id), secret)).collect())
}

fn headers(new: &NewEnrollment) -> Option<Value> {
    (!new.headers.is_empty()).then(|| json!(new.headers))
}

fn tags(new: &NewEnrollment) -> Option<Vec<String>> {
    (!new.tags.is_empty()).then(|| new.tags.clone())
}

/// The last enrollment of each contact, and the number of its run.
async fn newest(
    connection: &mut PgConnection,
    campaign: CampaignId,
    contacts: &[ContactId],
) -> Result<HashMap<ContactId, (EnrollmentId, i32)>> {
    if contacts.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(Uuid, Uuid, i32)> = sqlx::query_as(
        "SELECT DISTINCT ON (contact_id) contact_id, id, run FROM enrollments
         WHERE campaign_id = $1 AND contact_id = ANY($2) ORDER BY contact_id, run DESC",
    )
    .bind(campaign.uuid())
    .bind(contacts.iter().map(|id| id.uuid()).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(contact, id, run)| (ContactId(contact), (EnrollmentId(id), run))).collect())
}

fn as_locked(
    tenant: TenantId,
    campaign: &OpenCampaign,
    contact: &Known,
    new: &NewEnrollment,
    secret: Uuid,
    engine: &Enrollment,
) -> LockedEnrollment {
    LockedEnrollment {
        id: new.id,
        tenant,
        campaign: campaign.id,
        campaign_state: CampaignState::Active,
        contact: ContactId(contact.contact_id),
        plan_hash: campaign.plan.hash,
        engine: engine.clone(),
        is_active: true,
        sender: campaign.sender,
        mail: MailFacts {
            address: new.address.as_str().to_owned(),
            secret,
            reply_to: new.reply_to.as_ref().map(|to| to.as_str().to_owned()).or_else(|| campaign.reply_to.clone()),
            headers: headers(new),
            tags: tags(new),
            campaign_name: campaign.name.clone(),
            contact_name: contact.name.clone(),
            external_id: contact.external_id.clone(),
            owner: contact.owner.clone(),
            contact_data: object(contact.data.clone()),
            data: new.data.clone(),
        },
    }
}
