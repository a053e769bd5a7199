//! What becomes of a message whose answer was lost.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::MessageState;

/// Longest an SMTP server may still answer after the final dot, plus a minute (RFC 5321 asks for ten).
pub const COMMIT_DEADLINE_SMTP: TimeDelta = TimeDelta::minutes(11);
/// `resend` waits this long past the commit deadline, so that no late answer can cross it.
pub const RESEND_GRACE: TimeDelta = TimeDelta::minutes(20);
/// When nothing can tell any more: a mailbox answers with a bounce within a day or not at all.
pub const HORIZON_SMTP: TimeDelta = TimeDelta::hours(24);

/// What a tenant chose for its uncertain messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum UncertainPolicy {
    /// Show it; never send it again.
    #[default]
    Show,
    /// Send it once more: for password links and the like, where twice beats never.
    Resend,
}

impl UncertainPolicy {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Show => "show",
            Self::Resend => "resend",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Show, Self::Resend].into_iter().find(|policy| policy.as_str() == text)
    }
}

/// What somebody who looked at the mailbox, or asked the provider, says of an uncertain message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HandVerdict {
    /// It arrived.
    Accepted,
    /// It did not arrive: send it again, once nothing of the first try can cross it.
    Resend,
    /// Nobody can tell, and nobody shall wait for it.
    Unknown,
}

impl HandVerdict {
    pub fn state(self) -> MessageState {
        match self {
            Self::Accepted => MessageState::Accepted,
            Self::Resend => MessageState::Scheduled,
            Self::Unknown => MessageState::Unknown,
        }
    }

    /// The word for the history.
    pub fn outcome(self) -> &'static str {
        match self {
            Self::Accepted => "accepted_by_hand",
            Self::Resend => "resend_by_hand",
            Self::Unknown => "unknown_by_hand",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UncertainFacts {
    pub policy: UncertainPolicy,
    pub committed_at: DateTime<Utc>,
    pub commit_deadline: DateTime<Utc>,
    /// It was already sent a second time.
    pub resent: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// Nothing is decided before then.
    WaitUntil(DateTime<Utc>),
    Resend,
    Unknown,
}

pub fn resolve_uncertain(facts: &UncertainFacts, now: DateTime<Utc>) -> Resolution {
    let resend_at = facts.commit_deadline + RESEND_GRACE;
    if facts.policy == UncertainPolicy::Resend && !facts.resent {
        return if now >= resend_at { Resolution::Resend } else { Resolution::WaitUntil(resend_at) };
    }
    let horizon = facts.committed_at + HORIZON_SMTP;
    if now >= horizon { Resolution::Unknown } else { Resolution::WaitUntil(horizon) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(policy: UncertainPolicy, resent: bool) -> UncertainFacts {
        let committed_at = DateTime::UNIX_EPOCH;
        UncertainFacts { policy, committed_at, commit_deadline: committed_at + COMMIT_DEADLINE_SMTP, resent }
    }

    #[test]
    fn shown_messages_are_never_sent_again_and_become_unknown_after_a_day() {
        let shown = facts(UncertainPolicy::Show, false);
        let horizon = shown.committed_at + HORIZON_SMTP;
        for minute in 0..24 * 60 {
            let now = shown.committed_at + TimeDelta::minutes(minute);
            assert_eq!(resolve_uncertain(&shown, now), Resolution::WaitUntil(horizon));
        }
        assert_eq!(resolve_uncertain(&shown, horizon), Resolution::Unknown);
    }

    #[test]
    fn resend_waits_for_the_deadline_and_the_grace_and_happens_once() {
        let asked = facts(UncertainPolicy::Resend, false);
        let at = asked.commit_deadline + RESEND_GRACE;
        assert_eq!(resolve_uncertain(&asked, at - TimeDelta::seconds(1)), Resolution::WaitUntil(at));
        assert_eq!(resolve_uncertain(&asked, at), Resolution::Resend);

        let again = facts(UncertainPolicy::Resend, true);
        assert_eq!(resolve_uncertain(&again, at), Resolution::WaitUntil(again.committed_at + HORIZON_SMTP));
        assert_eq!(resolve_uncertain(&again, again.committed_at + HORIZON_SMTP), Resolution::Unknown);
    }
}
