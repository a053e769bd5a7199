use std::fmt;

use serde::{Deserialize, Serialize};

/// What a plan can react to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanEvent {
    /// The recipient's server took it.
    Delivered,
    /// A person opened it.
    Opened,
    /// A person clicked a link in it.
    Clicked,
    Replied,
    /// The address does not work.
    Bounced,
    /// The recipient's server or the provider refused it.
    Blocked,
    /// Marked as spam: the enrollment ends.
    Complained,
    /// The enrollment ends.
    Unsubscribed,
    /// The goal is reached: the enrollment ends.
    Converted,
    /// Nobody opened the message for a while.
    NoOpen,
    /// Nobody clicked in it for a while.
    NoClick,
    /// Time went by, whatever happened.
    Elapsed,
}

impl PlanEvent {
    pub const ALL: [Self; 12] = [
        Self::Delivered,
        Self::Opened,
        Self::Clicked,
        Self::Replied,
        Self::Bounced,
        Self::Blocked,
        Self::Complained,
        Self::Unsubscribed,
        Self::Converted,
        Self::NoOpen,
        Self::NoClick,
        Self::Elapsed,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Opened => "opened",
            Self::Clicked => "clicked",
            Self::Replied => "replied",
            Self::Bounced => "bounced",
            Self::Blocked => "blocked",
            Self::Complained => "complained",
            Self::Unsubscribed => "unsubscribed",
            Self::Converted => "converted",
            Self::NoOpen => "no_open",
            Self::NoClick => "no_click",
            Self::Elapsed => "elapsed",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == text)
    }

    /// Comes of itself when time is over.
    pub fn is_timer(self) -> bool {
        matches!(self, Self::NoOpen | Self::NoClick | Self::Elapsed)
    }

    /// After it nobody may be mailed in this campaign any more, whatever the plan says.
    pub fn ends_all(self) -> bool {
        matches!(self, Self::Complained | Self::Unsubscribed | Self::Converted)
    }

    /// What, had it happened, makes a timer's message untrue. A click proves that somebody opened it.
    pub fn denied_by(self) -> &'static [Self] {
        match self {
            Self::NoOpen => &[Self::Opened, Self::Clicked],
            Self::NoClick => &[Self::Clicked],
            _ => &[],
        }
    }
}

impl fmt::Display for PlanEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_called_alike_in_a_plan_and_in_the_database() {
        for event in PlanEvent::ALL {
            assert_eq!(serde_json::to_value(event).ok(), Some(event.as_str().into()));
            assert_eq!(PlanEvent::parse(event.as_str()), Some(event));
        }
    }
}
