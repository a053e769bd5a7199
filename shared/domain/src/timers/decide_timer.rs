use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::engine::{Event, TimerKind};
use crate::messages::MessageState;
use crate::plans::PlanEvent;

/// A timer that says that something did not happen waits at most this long for news that is still being read.
pub const SNOOZE_AT_MOST: Duration = Duration::from_secs(600);
const SNOOZE: Duration = Duration::from_secs(5);

/// What a timer tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FiredKind {
    /// What the engine asked for.
    Timer(TimerKind),
    /// The visit's message was accepted, or may have been.
    Accepted,
    /// It never will be.
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimerFacts {
    pub kind: FiredKind,
    pub visit: u32,
    pub due: DateTime<Utc>,
    /// The visit's message, as it is now.
    pub message: Option<MessageState>,
    /// The address itself was refused for good.
    pub address_refused: bool,
    /// Calls of its tenant's providers wait to be read that came before it was due, or a moment later: an open may be
    /// among them.
    pub news_unread: bool,
    /// Its node has ways that something which did not happen opens. They may be taken by a timer of another kind that is
    /// due with them.
    pub node_denies: bool,
    pub now: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimerDecision {
    Tell(Event),
    /// Later, at no cost.
    Snooze(Duration),
}

impl FiredKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timer(kind) => kind.as_str(),
            Self::Accepted => "accepted",
            Self::Refused => "refused",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        let all = TimerKind::ALL.map(Self::Timer).into_iter().chain([Self::Accepted, Self::Refused]);
        all.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What a due timer comes to. An open that is stored was told to the enrollment in the transaction that stored it, so
/// only what nobody has read yet can be missed: for that it waits.
pub fn decide_timer(facts: &TimerFacts) -> TimerDecision {
    let TimerFacts { kind, visit, due, now, .. } = *facts;
    match kind {
        FiredKind::Timer(kind) => {
            let denies =
                facts.node_denies || matches!(kind, TimerKind::NoOpen | TimerKind::NoClick | TimerKind::Patience);
            let patient = (now - due).to_std().unwrap_or_default() < SNOOZE_AT_MOST;
            if denies && facts.news_unread && patient {
                return TimerDecision::Snooze(SNOOZE);
            }
            TimerDecision::Tell(Event::Timer { visit, kind, due })
        }
        FiredKind::Accepted => TimerDecision::Tell(Event::Accepted { visit, at: due }),
        FiredKind::Refused => {
            let what = if facts.address_refused { PlanEvent::Bounced } else { PlanEvent::Blocked };
            // Sent again by hand meanwhile: its own end will be told.
            match facts.message {
                Some(MessageState::Accepted | MessageState::Unknown) => {
                    TimerDecision::Tell(Event::Accepted { visit, at: due })
                }
                _ => TimerDecision::Tell(Event::Message { visit, what, at: due }),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn facts(kind: FiredKind) -> TimerFacts {
        let due = DateTime::UNIX_EPOCH;
        TimerFacts {
            kind,
            visit: 1,
            due,
            message: None,
            address_refused: false,
            news_unread: false,
            node_denies: false,
            now: due,
        }
    }

    #[test]
    fn what_did_not_happen_waits_for_unread_news_but_not_for_ever() {
        for kind in [TimerKind::NoOpen, TimerKind::NoClick, TimerKind::Patience] {
            let unread = TimerFacts { news_unread: true, ..facts(FiredKind::Timer(kind)) };
            assert_eq!(decide_timer(&unread), TimerDecision::Snooze(SNOOZE));
            let late = TimerFacts { now: unread.due + TimeDelta::minutes(10), ..unread };
            assert!(matches!(decide_timer(&late), TimerDecision::Tell(Event::Timer { .. })));
        }
        let elapsed = TimerFacts { news_unread: true, ..facts(FiredKind::Timer(TimerKind::Elapsed)) };
        assert!(
            matches!(decide_timer(&elapsed), TimerDecision::Tell(Event::Timer { .. })),
            "time goes by whatever comes"
        );
        let beside = TimerFacts { node_denies: true, ..elapsed };
        assert_eq!(decide_timer(&beside), TimerDecision::Snooze(SNOOZE), "it could take the way of who did not open");
    }

    #[test]
    fn a_refusal_is_a_bounce_only_where_the_address_was_refused() {
        let told = |facts: &TimerFacts| match decide_timer(facts) {
            TimerDecision::Tell(Event::Message { what, .. }) => Some(what),
            _ => None,
        };
        let refused = facts(FiredKind::Refused);
        assert_eq!(told(&refused), Some(PlanEvent::Blocked));
        assert_eq!(told(&TimerFacts { address_refused: true, ..refused }), Some(PlanEvent::Bounced));
        assert_eq!(told(&TimerFacts { message: Some(MessageState::Accepted), ..refused }), None);
    }

    #[test]
    fn every_kind_reads_back() {
        for text in ["no_open", "no_click", "elapsed", "patience", "accepted", "refused"] {
            assert_eq!(FiredKind::parse(text).map(FiredKind::as_str), Some(text));
        }
    }
}
