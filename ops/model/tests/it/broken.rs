//! One thing wrong at a time, and what of it shows. A model that did not find these would prove nothing by its silence.

use std::collections::BTreeSet;

use model::properties::{BORNE, IN_HAND, NEVER_DUE_AGAIN, NOTHING_STUCK, ONCE, RECORDED, WANTED};
use model::{Action, SendModel, Variant};
use stateright::{Checker, HasDiscoveries, Model};

/// Searches, shortest histories first, until the property is broken; answers how.
fn counterexample(model: SendModel, property: &'static str) -> Option<Vec<Action>> {
    let found = HasDiscoveries::AllOf(BTreeSet::from([property]));
    let checker = model.checker().finish_when(found).spawn_bfs().join();
    let history = checker.discovery(property)?.into_actions();
    println!("{:?}: against \"{property}\":", model.variant);
    history.iter().for_each(|action| println!("  {action:?}"));
    Some(history)
}

/// `as_built` holds that the protocol as it is breaks nothing with at least as many disturbances.
fn breaks(variant: Variant, disturbances: u8, property: &'static str) {
    let model = SendModel { variant, disturbances, resends: false };
    assert!(counterexample(model, property).is_some(), "{variant:?} was not caught by \"{property}\"");
}

#[test]
fn committing_queued_again_when_its_worker_is_lost_sends_twice() {
    breaks(Variant::RequeuesCommitting, 1, ONCE);
    breaks(Variant::RequeuesCommitting, 1, NEVER_DUE_AGAIN);
}

#[test]
fn a_compare_and_set_after_data_sends_twice_and_sends_what_was_called_off() {
    breaks(Variant::CommitsAfterData, 1, ONCE);
    breaks(Variant::CommitsAfterData, 1, WANTED);
}

#[test]
fn a_win_assumed_after_a_lost_reply_sends_twice_and_without_a_commit() {
    breaks(Variant::AssumesAWin, 1, NEVER_DUE_AGAIN);
    breaks(Variant::AssumesAWin, 1, ONCE);
}

#[test]
fn a_lease_by_host_clock_sends_twice_with_no_fault_but_the_skew() {
    breaks(Variant::LeasesByHostClock { skewed: true }, 0, ONCE);
    let in_step = SendModel { variant: Variant::LeasesByHostClock { skewed: false }, disturbances: 0, resends: false };
    assert_eq!(counterexample(in_step, ONCE), None);
}

#[test]
fn a_compare_and_set_that_ignores_the_job_leaves_a_row_committing_in_nobodys_hands() {
    breaks(Variant::IgnoresTheJob, 1, IN_HAND);
}

#[test]
fn giving_back_without_the_attempt_gives_back_what_another_sends() {
    breaks(Variant::IgnoresTheAttempt, 1, ONCE);
    breaks(Variant::IgnoresTheAttempt, 1, NEVER_DUE_AGAIN);
}

#[test]
fn a_commit_in_doubt_that_is_looked_for_only_once_stays_committing() {
    breaks(Variant::LooksOnce, 1, IN_HAND);
}

#[test]
fn an_acceptance_that_counts_from_committing_only_is_lost() {
    breaks(Variant::IgnoresLateAcceptance, 1, RECORDED);
}

#[test]
fn a_compare_and_set_that_waits_for_the_row_sends_to_who_unsubscribed() {
    breaks(Variant::WaitsForTheRow, 1, WANTED);
}

#[test]
fn rows_that_nobody_rescues_are_stuck() {
    breaks(Variant::NeverRescues, 1, NOTHING_STUCK);
}

#[test]
fn a_first_byte_without_a_deadline_crosses_a_second_sending() {
    let model = SendModel { variant: Variant::NeverLooksAtTheClock, disturbances: 1, resends: true };
    assert!(counterexample(model, BORNE).is_some());
}
