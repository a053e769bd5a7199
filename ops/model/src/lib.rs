//! A model of the send protocol (`docs/job-lifecycle.md`), visited from end to end: `cargo test -p model`.
//!
//! **What is modeled.** One message: its row in Postgres with the conditions of every statement that moves it, its jobs
//! in Redis with their leases, two workers that may both hold its job, compare-and-sets on their way, the provider, the
//! leader's reconcilers, a tenant who cancels and a recipient who unsubscribes. Every step is one that the code takes
//! atomically (a statement, a script, an instruction), and any order of steps is visited.
//!
//! **What may go wrong**, a bounded number of times in a history, in every combination and at every moment: a worker
//! crashes, or freezes and perhaps thaws; its heartbeat or its renewals do not arrive; an answer is lost (to the
//! compare-and-set, to an outcome, to a push, to the final dot), the statement being executed before, later, or never;
//! Postgres stays away for longer than outcomes are kept; Redis loses a job, everything, or goes back to a snapshot; a
//! producer dies between its commit and its push; the provider refuses, hangs up or swallows; things come too late; the
//! message is called off. Crashes and losses of the same kind may follow each other; at most one worker is frozen at a time.
//!
//! **What is assumed of time.** There are no clocks: something passes when the real order of things lets it pass.
//! - A worker that runs is done within 5 s (to the first byte) and 10 min (final dot), and `commit_deadline` is 11 min: it
//!   passes on a worker that has won only if that is frozen or dead, or waits for Postgres. When it passes, the 5 s of
//!   whoever has not yet looked at its clock are over too: they count from before the commit was submitted.
//! - Nothing is assumed of how late a compare-and-set is executed. (Its statement timeout of 8 s only bounds how long
//!   Postgres works at it.)
//! - A statement with SKIP LOCKED waits for nobody, so its snapshot and its locks are of one moment. A suppression counts
//!   as committed before the compare-and-set if its snapshot has it.
//! - A leader's pass comes at some time. Which leader it is does not matter: its statements check its term.
//!
//! **What is left out.** Two messages meet only in statements and jobs that fail as a whole, and no condition of one row
//! asks for another; so one is enough, and groups, windows, limits and fairness are not here. The provider decides when
//! it has the bytes, not later: a later acceptance could only meet a row in a state that an earlier one meets too.
//! Between the look at the clock and the first write a worker may be frozen, except where the tenant chose `resend`: that
//! instruction cannot be split from the code's side, and a second sending is allowed there. A count of tries or crashes
//! is a choice: both outcomes are visited. People who resolve by hand are as patient as the leader, and do not lie.

mod alike;
mod offer;
mod postgres;
pub mod properties;
pub mod state;
mod steps;
mod take;
mod variant;

pub use state::State;
use stateright::{Model, Property};
pub use steps::{Action, KINDS, Step};
pub use variant::Variant;

use offer::Offer;

/// The protocol, what is wrong with it, and how much may go wrong around it.
#[derive(Debug, Clone, Copy)]
pub struct SendModel {
    pub variant: Variant,
    /// Disturbances in one history.
    pub disturbances: u8,
    /// The tenant chose that what is uncertain is sent once more.
    pub resends: bool,
}

impl Model for SendModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(self.disturbances)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        Offer::new(self, state, actions).all();
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut next = *last;
        next.left -= u8::from(action.disturbs);
        next.take(self, action.step);
        (next != *last).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
