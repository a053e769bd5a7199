use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::campaigns::{CampaignKind, CampaignState};
use domain::ids::{CampaignId, SenderId};
use serde::Serialize;
use store::campaigns::{CampaignCounts, CampaignVersion, CampaignView};
use utoipa::ToSchema;

/// A campaign.
#[derive(Debug, Serialize, ToSchema)]
pub struct CampaignBody {
    id: CampaignId,
    name: String,
    kind: CampaignKind,
    state: CampaignState,
    sender: Option<SenderId>,
    reply_to: Option<String>,
    /// Of its plan: what new enrollments run.
    version: u32,
    /// SHA-256 of the plan.
    plan_hash: String,
    paused_by: Option<String>,
    pause_reason: Option<String>,
    /// Why it cannot go on.
    error: Option<String>,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    /// As they stand; only where one campaign is asked for.
    counts: Option<CountsView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CountsView {
    /// Enrollments by state.
    enrollments: BTreeMap<String, i64>,
    /// Messages by state.
    messages: BTreeMap<String, i64>,
    /// Messages of which that is known.
    facts: BTreeMap<&'static str, i64>,
}

/// A version of a campaign's plan.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionBody {
    version: u32,
    plan_hash: String,
    generated_by: Option<String>,
    notes: Option<String>,
    created_by: String,
    created_at: DateTime<Utc>,
}

impl CampaignBody {
    pub fn new(row: CampaignView, counts: Option<CampaignCounts>) -> Self {
        Self {
            id: row.id,
            name: row.name,
            kind: row.kind,
            state: row.state,
            sender: row.sender,
            reply_to: row.reply_to,
            version: row.version,
            plan_hash: hex::encode(row.plan_hash),
            paused_by: row.paused_by,
            pause_reason: row.pause_reason,
            error: row.error,
            created_at: row.created_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            counts: counts.map(|counts| CountsView {
                enrollments: counts.enrollments,
                messages: counts.messages,
                facts: counts.facts,
            }),
        }
    }
}

impl From<CampaignVersion> for VersionBody {
    fn from(row: CampaignVersion) -> Self {
        Self {
            version: row.version,
            plan_hash: hex::encode(row.plan_hash),
            generated_by: row.generated_by,
            notes: row.notes,
            created_by: row.created_by,
            created_at: row.created_at,
        }
    }
}
