use chrono::{DateTime, Utc};
use domain::ids::{BulkId, CampaignId, ContactId, EnrollmentId, MessageId, TimerId};
use serde::Serialize;
use serde_json::Value;
use store::enrollments::{BulkView, EnrollmentView, TimelineRow};
use utoipa::ToSchema;
use uuid::Uuid;

/// One contact's run through a campaign.
#[derive(Debug, Serialize, ToSchema)]
pub struct EnrollmentBody {
    id: EnrollmentId,
    campaign: CampaignId,
    contact: ContactId,
    email: String,
    /// `active`, or how it ended: `completed`, `converted`, `unsubscribed`, `complained`, `replied`, `bounced`, `blocked`,
    /// `canceled`, `too_many_steps`.
    state: String,
    /// Version of the campaign's plan that it runs.
    version: u32,
    /// 0, or how often it was begun anew by force.
    run: u32,
    test_mode: bool,
    /// The node it stands at, or stood at last.
    node: String,
    /// How many nodes it entered.
    visit: u32,
    tags: Vec<String>,
    data: Option<Value>,
    created_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
}

/// Something in its life.
#[derive(Debug, Serialize, ToSchema)]
pub struct TimelineEntry {
    at: DateTime<Utc>,
    /// `enrolled`, `message`, `event`, `timer`, `transition` or `ended`.
    kind: String,
    /// Of a message its state; of the others what it was.
    what: String,
    /// Which stay at a node it belongs to.
    visit: Option<i32>,
    /// Of the message, event or timer.
    id: Option<String>,
    details: Option<Value>,
}

/// A stream of contacts that is being enrolled, and how far it came.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkBody {
    id: BulkId,
    campaign: CampaignId,
    /// `open`, `done` or `canceled`. One that is open goes on when the same stream is sent again with `bulk`.
    state: String,
    /// Records that were dealt with.
    read: i64,
    enrolled: i64,
    existing: i64,
    suppressed: i64,
    invalid: i64,
    /// The first records that were refused: `{line, problem}`.
    problems: Value,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

impl From<EnrollmentView> for EnrollmentBody {
    fn from(row: EnrollmentView) -> Self {
        Self {
            id: row.id,
            campaign: row.campaign,
            contact: row.contact,
            email: row.address,
            state: row.state,
            version: row.version,
            run: row.run,
            test_mode: row.test_mode,
            node: row.node,
            visit: row.visit,
            tags: row.tags,
            data: row.data,
            created_at: row.created_at,
            ended_at: row.ended_at,
        }
    }
}

impl From<TimelineRow> for TimelineEntry {
    fn from(row: TimelineRow) -> Self {
        let name = |id: Uuid| match row.kind.as_str() {
            "message" => MessageId(id).to_string(),
            "timer" => TimerId(id).to_string(),
            "enrolled" => EnrollmentId(id).to_string(),
            _ => id.simple().to_string(),
        };
        Self {
            at: row.at,
            id: row.id.map(name),
            kind: row.kind,
            what: row.what,
            visit: row.visit,
            details: row.details,
        }
    }
}

impl From<BulkView> for BulkBody {
    fn from(row: BulkView) -> Self {
        Self {
            id: BulkId(row.id),
            campaign: CampaignId(row.campaign_id),
            state: row.state,
            read: row.read,
            enrolled: row.enrolled,
            existing: row.existing,
            suppressed: row.suppressed,
            invalid: row.invalid,
            problems: row.problems,
            created_at: row.created_at,
            updated_at: row.updated_at,
            finished_at: row.finished_at,
        }
    }
}
