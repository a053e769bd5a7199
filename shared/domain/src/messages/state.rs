use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a message stands. The database's CHECK constraints restate this list and what each state requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MessageState {
    /// Waits in Postgres for its time, its turn or its next try. The feeder takes it.
    Scheduled,
    /// A job in Redis carries it; only that job may act on it.
    Queued,
    /// Past the point of no return: one worker may write the final bytes. Never queued again.
    Committing,
    /// The provider said yes.
    Accepted,
    /// Refused for good, or out of tries.
    Failed,
    /// The recipient must not be mailed.
    Suppressed,
    /// Called off before it was committed.
    Canceled,
    /// The provider may or may not have it: the answer was lost. Shown, and resolved by policy.
    Uncertain,
    /// Uncertain for longer than anything could still tell.
    Unknown,
    /// Killed its worker three times; a person looks.
    Quarantined,
}

impl MessageState {
    pub const ALL: [Self; 10] = [
        Self::Scheduled,
        Self::Queued,
        Self::Committing,
        Self::Accepted,
        Self::Failed,
        Self::Suppressed,
        Self::Canceled,
        Self::Uncertain,
        Self::Unknown,
        Self::Quarantined,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Queued => "queued",
            Self::Committing => "committing",
            Self::Accepted => "accepted",
            Self::Failed => "failed",
            Self::Suppressed => "suppressed",
            Self::Canceled => "canceled",
            Self::Uncertain => "uncertain",
            Self::Unknown => "unknown",
            Self::Quarantined => "quarantined",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Nothing of ours moves a message out of a final state (a late acceptance may, out of `unknown`).
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Scheduled | Self::Queued | Self::Committing | Self::Uncertain)
    }
}

impl fmt::Display for MessageState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_reads_back_and_six_are_final() {
        for state in MessageState::ALL {
            assert_eq!(MessageState::parse(state.as_str()), Some(state));
        }
        assert_eq!(MessageState::ALL.into_iter().filter(|state| state.is_final()).count(), 6);
    }
}
