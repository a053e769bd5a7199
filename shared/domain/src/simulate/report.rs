use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::engine::End;
use crate::limits::Scope;
use crate::plans::{PlanEvent, PlanProblem};

/// What a plan would do to so many contacts.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Simulation {
    pub contacts: u32,
    pub started_at: DateTime<Utc>,
    pub messages: MessageCounts,
    /// How enrollments ended; those that did not are no part of it.
    pub ends: Vec<EndShare>,
    /// Enrollments that had not ended when the simulation did.
    pub unfinished: u32,
    /// Why it ended before all enrollments had.
    pub stopped_by: Option<StoppedBy>,
    /// Until the last enrollment had ended; null where some had not.
    pub days_to_finish: Option<f64>,
    /// Until the last message left; null where none did.
    pub days_to_last_message: Option<f64>,
    /// How many days one entry of `sends` covers: 1, or more where they would be too many.
    pub days_per_entry: u32,
    /// Messages by days of UTC, from the start to the last one.
    pub sends: Vec<DaySends>,
    pub waits: Waits,
    /// The limit that held messages the longest, all together; null where none held any.
    pub binding: Option<Binding>,
    pub nodes: Vec<NodeCounts>,
    /// What is likely not meant, as compiling the plan tells it.
    pub warnings: Vec<PlanProblem>,
}

#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct MessageCounts {
    /// That left.
    pub total: u64,
    pub per_contact_mean: f64,
    pub per_contact_max: u32,
    /// Most that the plan can send to one contact, whatever happens; null where its loops are not bounded.
    pub static_max: Option<u32>,
    /// Planned, and called off because the enrollment ended.
    pub canceled: u64,
    /// Planned for contacts that had bounced, and so not sent.
    pub suppressed: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct EndShare {
    pub end: End,
    pub count: u32,
    /// Of all contacts.
    pub share: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoppedBy {
    /// The longest time that is simulated was over.
    Days,
    /// More happened than is simulated at once.
    Steps,
}

#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct DaySends {
    pub date: NaiveDate,
    pub sent: u64,
}

/// What held messages back that left in the end. Each stretch of waiting counts for what refused when it was last asked; a
/// message may have been held by several.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Waits {
    /// Rates of senders.
    pub sender: Wait,
    pub tenant: Wait,
    pub domain: Wait,
    pub global: Wait,
    /// A day's quota, of a sender, the tenant or the fleet.
    pub quota: Wait,
    /// The plan's sending window, quiet hours and holidays.
    pub sending_window: Wait,
}

#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Wait {
    /// How many it held back.
    pub messages: u64,
    /// Of all of them together.
    pub total_seconds: f64,
    /// Of those that it held back; accurate to a fiftieth, as is `p95_seconds`.
    pub p50_seconds: f64,
    pub p95_seconds: f64,
    pub max_seconds: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Binding {
    /// The whole of it as text.
    #[schema(example = "domain gmail.com 200/h")]
    pub limit: String,
    pub scope: Scope,
    /// The domain, or the sender that a node names; null where all of a scope have the same limit.
    pub key: Option<String>,
    pub total_seconds: f64,
}

/// One node of the plan. Whoever entered it left by one of `ways`, ended there, or is `still_there`.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct NodeCounts {
    pub id: String,
    /// As often as contacts entered it.
    pub entered: u64,
    pub sent: u64,
    pub ways: Vec<WayCount>,
    pub ended: Vec<NodeEnd>,
    pub still_there: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct WayCount {
    pub on: PlanEvent,
    pub to: String,
    pub count: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct NodeEnd {
    pub end: End,
    pub count: u64,
}
