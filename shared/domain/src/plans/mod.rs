//! Campaign plans: what a campaign does for each of its contacts, as data.
//!
//! A plan is JSON, is checked like a program before it may run, and never changes afterwards: another version is
//! another plan, told apart by its hash. Blasts and journeys are short forms that compile to one.

mod calendar;
mod check;
mod compile;
mod event;
mod parse;
mod problem;
mod schema;
mod shapes;
mod span;
mod start_at;
mod text_form;

use std::collections::HashMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::ids::SenderId;

pub use calendar::{Calendar, Hours, InvalidHours, InvalidZone, SendingWindow, Weekday, Zone};
pub use compile::{Compiled, CompiledNode, Does, Next, compile};
pub use event::PlanEvent;
pub use parse::{PLAN_MAX_BYTES, parse};
pub use problem::{PlanProblem, ProblemCode, Severity};
pub use schema::json_schema;
pub use shapes::{Blast, Journey, Stage};
pub use span::{InvalidSpan, SPAN_MAX_DAYS, Span};
pub use start_at::{InvalidStartAt, StartAt};

/// The one version of the format there is.
pub const FORMAT_VERSION: u32 = 1;
/// Most nodes of a plan.
pub const NODES_MAX: usize = 200;
/// Most transitions of a node.
pub const TRANSITIONS_MAX: usize = 20;

/// What a campaign does for each of its contacts: nodes, and the events that lead from one to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// Version of this format: 1.
    pub version: u32,
    /// IANA zone of contacts that have none of their own. UTC where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<Zone>,
    /// Local hours in which nothing is sent, over midnight too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<Hours>,
    /// Local hours and days in which alone something is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sending_window: Option<SendingWindow>,
    /// Local days on which nothing is sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 400)]
    pub holidays: Vec<NaiveDate>,
    /// Where every contact begins.
    pub start_node_id: String,
    #[serde(default)]
    pub defaults: Defaults,
    #[schema(min_items = 1, max_items = 200)]
    pub nodes: Vec<Node>,
}

impl Plan {
    /// These nodes, from the first on, at any hour.
    pub(crate) fn of(nodes: Vec<Node>) -> Self {
        Self {
            version: FORMAT_VERSION,
            timezone: None,
            quiet_hours: None,
            sending_window: None,
            holidays: Vec::new(),
            start_node_id: nodes.first().map(|node| node.id.clone()).unwrap_or_default(),
            defaults: Defaults::default(),
            nodes,
        }
    }

    /// Where each node stands, by its id.
    fn places(&self) -> HashMap<&str, usize> {
        self.nodes.iter().enumerate().map(|(at, node)| (node.id.as_str(), at)).collect()
    }
}

/// What holds where a node does not say otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Defaults {
    /// How long nobody opened, before `no_open` comes.
    pub no_open: Span,
    /// How long nobody clicked, before `no_click` comes.
    pub no_click: Span,
    /// How long a node waits for an event that has no limit of its own.
    pub patience: Span,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_id: Option<SenderId>,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { no_open: Span::hours(72), no_click: Span::hours(24), patience: Span::days(30), sender_id: None }
    }
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Node {
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    pub id: String,
    #[serde(default)]
    pub channel: PlanChannel,
    pub action: Action,
    /// Of a `send`: a Handlebars template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Of a `send`: a Handlebars template of HTML, with a link to `unsubscribe_url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Who sends it, where that is not the plan's sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_id: Option<SenderId>,
    /// When the node acts, counted from when it is entered. A `wait` ends then; a `send` sends then, or at the next
    /// moment that the plan's hours allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// The first that matches is taken. With none, the enrollment is complete when the node has acted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 20)]
    pub transitions: Vec<Transition>,
}

impl Node {
    pub(crate) fn new(id: String, action: Action) -> Self {
        Self {
            id,
            channel: PlanChannel::Email,
            action,
            subject: None,
            body: None,
            sender_id: None,
            schedule: None,
            transitions: Vec::new(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PlanChannel {
    #[default]
    Email,
    Sms,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Sends one message.
    Send,
    /// Does nothing until its time is over or an event comes.
    Wait,
    /// Ends the enrollment.
    Stop,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Schedule {
    /// So long after the node is entered.
    Delay(Span),
    /// At this moment: with an offset (`2026-12-01T09:00:00Z`), or without one in the contact's zone.
    At(StartAt),
}

/// Leads to another node when something happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Transition {
    pub on: PlanEvent,
    /// The node that is entered.
    pub to: String,
    /// Of an event: it counts only within this time after the message was accepted (or the node entered, if it sends
    /// nothing).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
    /// Of `no_open`, `no_click` and `elapsed`: when it comes, counted likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Span>,
}
