use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::plans::{PlanEvent, Span, Zone};

/// Where one contact stands in a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrollment {
    pub node: usize,
    /// How many nodes were entered: tells one stay at a node from the next.
    pub visit: u32,
    pub phase: Phase,
    /// What spans of this node are counted from: when its message was accepted, or when it was entered.
    pub since: DateTime<Utc>,
    /// When the node acts: a wait is over then.
    pub until: DateTime<Utc>,
    /// The visit whose message events are judged by: the newest that sent.
    pub message_visit: Option<u32>,
    /// What was heard of that message, each kind once, with the earliest time that was told of it.
    pub heard: BTreeMap<PlanEvent, Heard>,
    /// What would end the enrollment, and led somewhere instead. Told again, it must not end it.
    pub answered: BTreeSet<(u32, PlanEvent)>,
    /// The contact's own, or the plan's.
    pub zone: Zone,
    /// How many times as fast time runs: 1, or more in test mode.
    pub pace: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    pub at: DateTime<Utc>,
    /// It led somewhere, and leads nowhere again.
    pub taken: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Its node's message is not accepted yet.
    Sending,
    /// For an event or a time.
    Waiting,
    Ended(End),
}

/// How an enrollment ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The plan had nothing more to do.
    Completed,
    Converted,
    Unsubscribed,
    Complained,
    Replied,
    Bounced,
    Blocked,
    /// Somebody called it off.
    Canceled,
    /// It went around more often than anybody can have meant.
    TooManySteps,
}

impl End {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Converted => "converted",
            Self::Unsubscribed => "unsubscribed",
            Self::Complained => "complained",
            Self::Replied => "replied",
            Self::Bounced => "bounced",
            Self::Blocked => "blocked",
            Self::Canceled => "canceled",
            Self::TooManySteps => "too_many_steps",
        }
    }

    /// How an event ends an enrollment whose node says nothing else, if it does.
    pub fn by(event: PlanEvent) -> Option<Self> {
        match event {
            PlanEvent::Converted => Some(Self::Converted),
            PlanEvent::Unsubscribed => Some(Self::Unsubscribed),
            PlanEvent::Complained => Some(Self::Complained),
            PlanEvent::Replied => Some(Self::Replied),
            PlanEvent::Bounced => Some(Self::Bounced),
            PlanEvent::Blocked => Some(Self::Blocked),
            _ => None,
        }
    }
}

impl Enrollment {
    /// When a span of its node is over.
    pub fn after(&self, span: Span) -> DateTime<Utc> {
        self.since + span.at_pace(self.pace)
    }

    pub fn end(&self) -> Option<End> {
        match self.phase {
            Phase::Ended(end) => Some(end),
            Phase::Sending | Phase::Waiting => None,
        }
    }
}
