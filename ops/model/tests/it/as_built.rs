//! The protocol as it is: every history with up to so many disturbances, and no counterexample.

use std::thread::available_parallelism;
use std::time::Instant;

use model::{SendModel, Variant};
use stateright::{Checker, Model};

/// Also that what must be possible is: `assert_properties` asks for an example of every `sometimes`.
fn is_exhausted_without_a_counterexample(variant: Variant, disturbances: u8, resends: bool) {
    let model = SendModel { variant, disturbances, resends };
    let threads = available_parallelism().map_or(1, |cores| cores.get());
    let began = Instant::now();
    let checker = model.checker().symmetry().threads(threads).spawn_dfs().join();
    println!(
        "{model:?}: {} states, {} steps between them, at most {} in a row, {:.1?}",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        began.elapsed()
    );
    assert!(checker.is_done());
    checker.assert_properties();
}

#[test]
fn no_history_breaks_a_promise_where_uncertain_is_shown() {
    is_exhausted_without_a_counterexample(Variant::AsBuilt, 3, false);
}

#[test]
fn no_history_sends_more_than_once_more_where_the_tenant_chose_resend() {
    is_exhausted_without_a_counterexample(Variant::AsBuilt, 2, true);
}

/// Once the job's rows are back, or were not the job's any more, no late compare-and-set can win: what it won before is
/// found by its attempt. So in this order one look would do, without waiting for a statement timeout.
#[test]
fn a_doubt_that_looks_for_the_job_first_needs_one_look() {
    is_exhausted_without_a_counterexample(Variant::LooksOnceJobFirst, 2, false);
}
