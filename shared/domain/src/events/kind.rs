use serde::{Deserialize, Serialize};

use crate::plans::PlanEvent;
use crate::suppressions::SuppressionReason;

/// What happened, as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    Delivered,
    /// The recipient's server wants it later.
    Delayed,
    Opened,
    Clicked,
    Replied,
    Bounced,
    Blocked,
    Complained,
    Unsubscribed,
    Converted,
    /// Kept, and told to nobody.
    Custom,
}

impl EventKind {
    pub const ALL: [Self; 11] = [
        Self::Delivered,
        Self::Delayed,
        Self::Opened,
        Self::Clicked,
        Self::Replied,
        Self::Bounced,
        Self::Blocked,
        Self::Complained,
        Self::Unsubscribed,
        Self::Converted,
        Self::Custom,
    ];

    pub fn as_str(self) -> &'static str {
        match self.plan_event() {
            Some(event) => event.as_str(),
            None if self == Self::Delayed => "delayed",
            None => "custom",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// What a plan is told.
    pub fn plan_event(self) -> Option<PlanEvent> {
        Some(match self {
            Self::Delivered => PlanEvent::Delivered,
            Self::Opened => PlanEvent::Opened,
            Self::Clicked => PlanEvent::Clicked,
            Self::Replied => PlanEvent::Replied,
            Self::Bounced => PlanEvent::Bounced,
            Self::Blocked => PlanEvent::Blocked,
            Self::Complained => PlanEvent::Complained,
            Self::Unsubscribed => PlanEvent::Unsubscribed,
            Self::Converted => PlanEvent::Converted,
            Self::Delayed | Self::Custom => return None,
        })
    }

    /// Whether it is about one message; the others are about the contact.
    pub fn is_of_message(self) -> bool {
        !matches!(self, Self::Unsubscribed | Self::Converted | Self::Custom)
    }

    /// After it the address may not be mailed any more. A block is the sender's affair as often as not.
    pub fn suppresses(self) -> Option<SuppressionReason> {
        match self {
            Self::Bounced => Some(SuppressionReason::Bounce),
            Self::Complained => Some(SuppressionReason::Complaint),
            Self::Unsubscribed => Some(SuppressionReason::Unsubscribe),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back_and_is_called_alike_in_json() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::parse(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_value(kind).ok(), Some(kind.as_str().into()));
        }
    }
}
