use std::fmt;

use serde::{Deserialize, Serialize};

/// What a campaign does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CampaignState {
    /// Not started: nobody can be enrolled.
    Draft,
    Active,
    /// Contacts may be enrolled and time goes on, but no message leaves.
    Paused,
    /// Takes nobody any more, and the last one has ended.
    Completed,
    /// Called off: every enrollment ended where it stood.
    Stopped,
    /// It cannot go on until somebody mends it.
    Error,
}

impl CampaignState {
    pub const ALL: [Self; 6] = [Self::Draft, Self::Active, Self::Paused, Self::Completed, Self::Stopped, Self::Error];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Stopped => "stopped",
            Self::Error => "error",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    pub fn takes_enrollments(self) -> bool {
        matches!(self, Self::Active | Self::Paused)
    }

    /// Nothing of it happens any more.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Stopped)
    }
}

impl fmt::Display for CampaignState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// In which form it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CampaignKind {
    Plan,
    Blast,
    Journey,
}

impl CampaignKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Blast => "blast",
            Self::Journey => "journey",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Plan, Self::Blast, Self::Journey].into_iter().find(|kind| kind.as_str() == text)
    }
}
