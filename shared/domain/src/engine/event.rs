use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::End;
use crate::plans::PlanEvent;

/// What may happen to an enrollment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The message of that visit was accepted by a provider.
    Accepted { visit: u32, at: DateTime<Utc> },
    /// Something became of the message of that visit, or was done with it. `at` is when it happened, not when it was
    /// heard of.
    Message { visit: u32, what: PlanEvent, at: DateTime<Utc> },
    /// The contact did something that concerns no single message.
    Contact { what: PlanEvent, at: DateTime<Utc> },
    /// A timer that was set for that visit is due.
    Timer { visit: u32, kind: TimerKind, due: DateTime<Utc> },
    /// Somebody ends it.
    Ended(End),
}

/// What a timer is for. Each node visit has each at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimerKind {
    NoOpen,
    NoClick,
    Elapsed,
    /// Nothing that the node waits for can come any more.
    Patience,
}

impl TimerKind {
    pub const ALL: [Self; 4] = [Self::NoOpen, Self::NoClick, Self::Elapsed, Self::Patience];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoOpen => "no_open",
            Self::NoClick => "no_click",
            Self::Elapsed => "elapsed",
            Self::Patience => "patience",
        }
    }

    pub fn of(event: PlanEvent) -> Option<Self> {
        match event {
            PlanEvent::NoOpen => Some(Self::NoOpen),
            PlanEvent::NoClick => Some(Self::NoClick),
            PlanEvent::Elapsed => Some(Self::Elapsed),
            _ => None,
        }
    }
}
