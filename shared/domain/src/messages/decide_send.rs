//! May this row be sent now? Facts in, verdict out.

use std::time::Duration;

use super::MessageState;
use crate::ids::JobId;

/// What is known of a row just before it is rendered. The compare-and-set asks the same questions again, in the
/// transaction that commits it: this saves the work, that keeps the promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendFacts {
    pub state: MessageState,
    pub job: Option<JobId>,
    pub recipient_suppressed: bool,
    pub tenant_paused: bool,
    pub sender_paused: bool,
    pub sender_archived: bool,
    /// Its campaign is paused, or over.
    pub campaign_stands: bool,
    /// How long the hours of its plan keep it back.
    pub closed_until: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendDecision {
    Send,
    /// Not ours: finished, canceled, or given to another job meanwhile.
    Skip,
    /// Final: the recipient must not be mailed.
    Suppress,
    /// Back to `scheduled`, free of charge; the feeder leaves it alone while the reason lasts.
    HandBack(HandBackReason),
    /// Back to `scheduled`, free of charge, and due again after this.
    Wait(Duration),
    /// Final: it can never leave.
    FailNoSender,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandBackReason {
    TenantPaused,
    SenderPaused,
    CampaignStands,
}

pub fn decide_send(facts: &SendFacts, job: JobId) -> SendDecision {
    if facts.state != MessageState::Queued || facts.job != Some(job) {
        return SendDecision::Skip;
    }
    if facts.recipient_suppressed {
        return SendDecision::Suppress;
    }
    if facts.sender_archived {
        return SendDecision::FailNoSender;
    }
    if facts.tenant_paused {
        return SendDecision::HandBack(HandBackReason::TenantPaused);
    }
    if facts.sender_paused {
        return SendDecision::HandBack(HandBackReason::SenderPaused);
    }
    if facts.campaign_stands {
        return SendDecision::HandBack(HandBackReason::CampaignStands);
    }
    if let Some(until) = facts.closed_until {
        return SendDecision::Wait(until);
    }
    SendDecision::Send
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const JOB: JobId = JobId(Uuid::from_u128(1));

    fn sendable() -> SendFacts {
        SendFacts {
            state: MessageState::Queued,
            job: Some(JOB),
            recipient_suppressed: false,
            tenant_paused: false,
            sender_paused: false,
            sender_archived: false,
            campaign_stands: false,
            closed_until: None,
        }
    }

    #[test]
    fn only_a_queued_row_of_this_very_job_is_sent() {
        assert_eq!(decide_send(&sendable(), JOB), SendDecision::Send);
        for state in MessageState::ALL.into_iter().filter(|state| *state != MessageState::Queued) {
            assert_eq!(decide_send(&SendFacts { state, ..sendable() }, JOB), SendDecision::Skip, "{state}");
        }
        for job in [None, Some(JobId(Uuid::from_u128(2)))] {
            assert_eq!(decide_send(&SendFacts { job, ..sendable() }, JOB), SendDecision::Skip);
        }
    }

    #[test]
    fn a_suppression_outranks_a_pause_because_it_is_final() {
        let facts = SendFacts { recipient_suppressed: true, tenant_paused: true, ..sendable() };
        assert_eq!(decide_send(&facts, JOB), SendDecision::Suppress);
    }

    #[test]
    fn a_pause_hands_the_row_back() {
        let facts = SendFacts { sender_paused: true, ..sendable() };
        assert_eq!(decide_send(&facts, JOB), SendDecision::HandBack(HandBackReason::SenderPaused));
    }

    #[test]
    fn a_campaign_that_stands_and_closed_hours_hold_a_row_back() {
        let stands = SendFacts { campaign_stands: true, closed_until: Some(Duration::from_secs(5)), ..sendable() };
        assert_eq!(decide_send(&stands, JOB), SendDecision::HandBack(HandBackReason::CampaignStands));
        let closed = SendFacts { campaign_stands: false, ..stands };
        assert_eq!(decide_send(&closed, JOB), SendDecision::Wait(Duration::from_secs(5)));
    }
}
