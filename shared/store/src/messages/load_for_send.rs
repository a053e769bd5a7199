use chrono::{DateTime, Utc};
use domain::ids::{ContentId, JobId, MessageId, SenderId, TenantId};
use domain::messages::Content;
use domain::messages::decide_send::SendFacts;
use domain::plans::Zone;
use serde_json::Value;
use uuid::Uuid;

use super::{Messages, parse_state};
use crate::answered::answered;
use crate::{Place, Result};

/// A row of a job with everything its message is made of, but the content.
#[derive(Debug, Clone)]
pub struct LoadedRow {
    pub id: MessageId,
    pub place: Place,
    pub facts: SendFacts,
    pub tries: u32,
    /// When it was first refused.
    pub first_refused_at: Option<DateTime<Utc>>,
    pub to_address: String,
    recipient_domain: String,
    pub reply_to: Option<String>,
    pub headers: Option<Value>,
    pub data: Option<Value>,
    pub content: ContentId,
    pub sender_version: i32,
    /// Refusals in a row that were the sender's own fault.
    pub sender_faults: i32,
    /// Of a campaign's message: what says at which hours it may leave.
    pub hours: Option<PlanHours>,
    /// Everything is done for it but the send.
    pub test_mode: bool,
    /// The database's time: the only one that decides.
    pub now: DateTime<Utc>,
}

impl LoadedRow {
    /// As it is stored: lower case.
    pub fn recipient_domain(&self) -> &str {
        &self.recipient_domain
    }

    /// How long ago it was first refused.
    pub fn refused_for(&self) -> std::time::Duration {
        self.first_refused_at.and_then(|at| (self.now - at).to_std().ok()).unwrap_or_default()
    }
}

/// Whose plan's hours hold, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanHours {
    pub plan_hash: [u8; 32],
    pub zone: Zone,
}

#[derive(Debug, Clone)]
pub struct ContentRow {
    pub id: ContentId,
    pub content: Content,
}

row! {
    struct Row {
        message_id: Uuid,
        place: Place,
        state: String,
        job_id: Option<Uuid>,
        tries: i16,
        first_refused_at: Option<DateTime<Utc>>,
        to_address: String,
        reply_to: Option<String>,
        headers: Option<Value>,
        data: Option<Value>,
        content_id: Uuid,
        suppressed: bool,
        tenant_paused: bool,
        sender_paused: bool,
        sender_archived: bool,
        sender_version: i32,
        sender_faults: i32,
        campaign_stands: bool,
        plan_hash: Option<Vec<u8>>,
        zone: Option<String>,
        test_mode: bool,
        now: DateTime<Utc>,
    }
}

impl Messages<'_> {
    /// All rows of a job with what decides about them, in one statement.
    pub async fn load_for_send(
        &self,
        tenant: TenantId,
        sender: SenderId,
        rows: &[MessageId],
    ) -> Result<Vec<LoadedRow>> {
        let ids: Vec<Uuid> = rows.iter().map(|id| id.uuid()).collect();
        let loaded: Vec<Row> = answered!(
            self.pool,
            sqlx::query_as(include_str!("load_for_send.sql")).bind(tenant.uuid()).bind(&ids).bind(sender.uuid()),
            fetch_all
        );
        loaded.into_iter().map(Row::read).collect()
    }

    pub async fn load_contents(&self, tenant: TenantId, ids: &[ContentId]) -> Result<Vec<ContentRow>> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let rows: Vec<(Uuid, String, Option<String>, Option<String>)> = answered!(
            self.pool,
            sqlx::query_as("SELECT id, subject, html, text FROM contents WHERE tenant_id = $1 AND id = ANY($2)")
                .bind(tenant.uuid())
                .bind(&ids),
            fetch_all
        );
        Ok(rows
            .into_iter()
            .map(|(id, subject, html, text)| ContentRow { id: ContentId(id), content: Content { subject, html, text } })
            .collect())
    }
}

impl Row {
    fn read(self) -> Result<LoadedRow> {
        let zone = self.zone.as_deref().and_then(|zone| zone.parse().ok()).unwrap_or(Zone::UTC);
        let hash = self.plan_hash.and_then(|hash| hash.try_into().ok());
        Ok(LoadedRow {
            hours: hash.map(|plan_hash| PlanHours { plan_hash, zone }),
            test_mode: self.test_mode,
            id: MessageId(self.message_id),
            place: self.place,
            facts: SendFacts {
                state: parse_state(&self.state)?,
                job: self.job_id.map(JobId),
                recipient_suppressed: self.suppressed,
                tenant_paused: self.tenant_paused,
                sender_paused: self.sender_paused,
                sender_archived: self.sender_archived,
                campaign_stands: self.campaign_stands,
                closed_until: None,
            },
            tries: u32::try_from(self.tries).unwrap_or(0),
            first_refused_at: self.first_refused_at,
            recipient_domain: self.to_address.rsplit('@').next().unwrap_or_default().to_ascii_lowercase(),
            to_address: self.to_address,
            reply_to: self.reply_to,
            headers: self.headers,
            data: self.data,
            content: ContentId(self.content_id),
            sender_version: self.sender_version,
            sender_faults: self.sender_faults,
            now: self.now,
        })
    }
}
