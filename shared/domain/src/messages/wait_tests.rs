use std::time::Duration;

use uuid::Uuid;

use super::*;
use crate::ids::{SenderId, TenantId};
use crate::limits::BucketKey;
use crate::messages::resolve_uncertain::UncertainPolicy;

const WORKER: WorkerId = WorkerId(Uuid::from_u128(7));

fn at(secs: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + secs, 0).expect("in range")
}

fn facts(state: MessageState) -> WaitFacts {
    WaitFacts {
        now: at(0),
        state,
        run_at: at(-30),
        tries: 0,
        last_class: None,
        last_error: None,
        last_refused_at: None,
        queued_at: None,
        job: None,
        worker: None,
        committed_at: None,
        commit_deadline: None,
        uncertain_at: None,
        uncertain_cause: None,
        uncertain: None,
        fleet_halt: None,
        tenant_pause: None,
        sender_pause: None,
        campaign_pause: None,
        campaign: None,
        sender: "snd_1".to_owned(),
        tenant: "tnt_1".to_owned(),
    }
}

fn pause() -> Pause {
    Pause { since: at(-600), by: "operator".to_owned(), reason: "holidays".to_owned() }
}

fn refusal(why: RefusedBy, secs: u64) -> LimitRefusal {
    let bucket = BucketKey::Domain(TenantId(Uuid::from_u128(1)), "example.com".into());
    LimitRefusal { bucket, why, wait: Duration::from_secs(secs) }
}

fn on(facts: &WaitFacts) -> Option<WaitsOn> {
    waiting(facts, None, None).map(|waiting| waiting.on)
}

#[test]
fn a_message_for_later_waits_for_its_time() {
    let later = WaitFacts { run_at: at(3_600), ..facts(MessageState::Scheduled) };
    let waiting = waiting(&later, None, None).expect("it waits");
    assert_eq!((waiting.on, waiting.until), (WaitsOn::SendAt, Some(at(3_600))));
}

#[test]
fn a_retry_names_its_number_the_answer_and_the_time() {
    let refused = WaitFacts {
        run_at: at(300),
        tries: 2,
        last_class: Some("greylisted".to_owned()),
        last_error: Some("451 4.7.1 try later".to_owned()),
        last_refused_at: Some(at(-5)),
        ..facts(MessageState::Scheduled)
    };
    let waiting = waiting(&refused, None, None).expect("it waits");
    assert_eq!((waiting.on, waiting.since, waiting.until), (WaitsOn::Retry, at(-5), Some(at(300))));
    assert!(
        waiting.because.starts_with("retry 3 after greylisted at 2027-01-15T07:59:55Z: 451"),
        "{}",
        waiting.because
    );
}

#[test]
fn a_limit_names_its_bucket_and_how_long() {
    let due = facts(MessageState::Scheduled);
    for (why, secs, says) in [
        (RefusedBy::Rate, 90, "the rate limit of domain example.com has its next token in 90.0 s"),
        (RefusedBy::Quota, 36_000, "the day's quota of domain example.com is used up; it begins anew in 10.0 h"),
        (RefusedBy::Pushback, 600, "the provider asked domain example.com to slow down; it goes on in 10 min"),
    ] {
        let waiting = waiting(&due, Some(&refusal(why, secs)), None).expect("it waits");
        assert_eq!(waiting.because, says);
        assert_eq!((waiting.on, waiting.until), (WaitsOn::Limit, Some(at(secs as i64))));
        assert_eq!((waiting.key.as_deref(), waiting.since), (Some("domain:example.com"), at(-30)));
    }
    assert_eq!(on(&due), Some(WaitsOn::Turn));
}

#[test]
fn what_somebody_stopped_says_who_and_why_before_anything_else() {
    let mut stopped = WaitFacts { run_at: at(60), ..facts(MessageState::Scheduled) };
    stopped.sender_pause = Some(pause());
    let waiting = waiting(&stopped, Some(&refusal(RefusedBy::Rate, 5)), None).expect("it waits");
    assert_eq!(waiting.on, WaitsOn::SenderPause);
    assert!(waiting.because.ends_with("by operator: holidays"), "{}", waiting.because);
    stopped.tenant_pause = Some(pause());
    assert_eq!(on(&stopped), Some(WaitsOn::TenantPause));
    stopped.fleet_halt = Some(pause());
    assert_eq!(on(&stopped), Some(WaitsOn::FleetHalt));
    stopped.state = MessageState::Queued;
    assert_eq!(on(&stopped), Some(WaitsOn::FleetHalt));
}

#[test]
fn a_queued_message_says_where_its_job_is() {
    let queued = WaitFacts { queued_at: Some(at(-2)), ..facts(MessageState::Queued) };
    let pool = || "send/shared".to_owned();
    for (place, expected) in [
        (JobPlace::Ready { pool: pool() }, WaitsOn::Worker),
        (JobPlace::Held { pool: pool(), worker: WORKER }, WaitsOn::Preparing),
        (JobPlace::Gone, WaitsOn::Turn),
    ] {
        let waiting = waiting(&queued, None, Some(&place)).expect("it waits");
        assert_eq!((waiting.on, waiting.since), (expected, at(-2)));
    }
}

#[test]
fn past_the_point_of_no_return_it_names_the_worker_and_the_deadline() {
    let committing = WaitFacts {
        worker: Some(WORKER),
        committed_at: Some(at(-3)),
        commit_deadline: Some(at(657)),
        ..facts(MessageState::Committing)
    };
    let waiting = waiting(&committing, None, None).expect("it waits");
    assert_eq!((waiting.on, waiting.until), (WaitsOn::Answer, Some(at(657))));
    assert_eq!(waiting.key, Some(WORKER.to_string()));
}

#[test]
fn an_uncertain_message_says_by_what_it_will_be_resolved() {
    let lost = |policy, resent| WaitFacts {
        uncertain_at: Some(at(-60)),
        uncertain: Some(UncertainFacts { policy, committed_at: at(-60), commit_deadline: at(600), resent }),
        ..facts(MessageState::Uncertain)
    };
    let key = |facts: &WaitFacts| waiting(facts, None, None).and_then(|waiting| waiting.key);
    assert_eq!(key(&lost(UncertainPolicy::Show, false)).as_deref(), Some("event"));
    assert_eq!(key(&lost(UncertainPolicy::Resend, false)).as_deref(), Some("resend"));
    assert_eq!(key(&lost(UncertainPolicy::Resend, true)).as_deref(), Some("event"));
}

#[test]
fn what_is_over_waits_for_nothing() {
    for state in MessageState::ALL.into_iter().filter(|state| state.is_final()) {
        assert_eq!(waiting(&facts(state), None, None), None);
    }
    let sender = SenderId(Uuid::from_u128(3));
    assert_eq!(BucketKey::Sender(sender).name(), Some(sender.to_string()));
}
