use super::*;
use domain::ids::JobId;
use uuid::Uuid;

fn this_try(tries: u32) -> Try<'static> {
    let message = MessageId(Uuid::from_u128(1));
    Try {
        message,
        expect: Expectation::Job(JobId(Uuid::from_u128(2))),
        tries,
        address: "Ann@example.com",
        refused_for: Duration::ZERO,
        jitter: 0.5,
    }
}

fn refused(phase: Phase, code: u16, text: &str) -> SmtpFailure {
    SmtpFailure::Refused { phase, code, text: text.to_owned() }
}

#[test]
fn a_recipient_that_does_not_exist_fails_and_is_suppressed() {
    let reading = this_try(0).read_failure(&refused(Phase::RcptTo, 550, "5.1.1 no such user"));
    assert_eq!(reading.row.state, OutcomeState::Failed);
    assert_eq!(reading.row.suppress.as_deref(), Some("ann@example.com"));
    assert_eq!(reading.sender_fault, None);
}

#[test]
fn a_senders_fault_never_touches_the_recipient() {
    for failure in [refused(Phase::Auth, 535, "5.7.8 no"), refused(Phase::MailFrom, 553, "5.1.8 no")] {
        let reading = this_try(0).read_failure(&failure);
        assert!(matches!(reading.row.state, OutcomeState::Retry(_)), "{failure:?}");
        assert_eq!(reading.row.suppress, None);
        assert!(reading.sender_fault.is_some());
    }
}

#[test]
fn an_account_that_cannot_log_in_costs_the_message_nothing_however_often() {
    let reading = this_try(50).read_failure(&refused(Phase::Auth, 535, "5.7.8 no"));
    assert!(matches!(reading.row.state, OutcomeState::Retry(_)) && !reading.row.charged);
}

#[test]
fn greylisting_is_tried_again_until_the_tries_are_used_up() {
    let greylisted = refused(Phase::RcptTo, 451, "4.7.1 try later");
    let first = this_try(0).read_failure(&greylisted);
    assert!(matches!(first.row.state, OutcomeState::Retry(_)) && first.row.charged);
    let last = this_try(5).read_failure(&greylisted);
    assert_eq!((last.row.state, last.row.outcome), (OutcomeState::Failed, "gave_up"));
}

#[test]
fn only_a_lost_answer_is_uncertain() {
    let attempt = AttemptId(Uuid::from_u128(3));
    let after = this_try(0).after_commit(attempt);
    for (answer, state) in [
        (FinalAnswer::Accepted { reply: "2.0.0 ok".into() }, OutcomeState::Accepted),
        (FinalAnswer::Unknown { why: "reset".into() }, OutcomeState::Uncertain),
        (FinalAnswer::Refused { phase: Phase::FinalDot, code: 554, text: "5.7.1 spam".into() }, OutcomeState::Failed),
    ] {
        let reading = after.read_answer(&answer);
        assert_eq!(reading.row.state, state, "{answer:?}");
        assert_eq!(reading.row.expect, Expectation::Attempt(attempt));
    }
    let not_sent = after.read_answer(&FinalAnswer::NotSent { why: "reset".into() });
    assert!(matches!(not_sent.row.state, OutcomeState::Retry(_)));
}

#[test]
fn an_account_that_is_throttled_pauses_as_a_whole_and_its_message_pays_nothing_until_the_horizon() {
    let throttled = refused(Phase::MailFrom, 421, "4.7.28 unusual rate");
    let reading = this_try(50).read_failure(&throttled);
    assert!(matches!(reading.row.state, OutcomeState::Retry(_)) && !reading.row.charged);
    assert_eq!(reading.pushback, Some(PUSHBACK_DEFAULT));
    let late = Try { refused_for: Duration::from_secs(25 * 3_600), ..this_try(0) };
    assert_eq!(late.read_failure(&throttled).row.outcome, "gave_up");
    let mailbox = refused(Phase::RcptTo, 450, "4.2.1 receiving mail too quickly");
    assert_eq!(this_try(0).read_failure(&mailbox).pushback, None, "one mailbox is not the account");
}
