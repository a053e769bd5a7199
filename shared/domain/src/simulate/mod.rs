//! What a plan would do, before it does it: the engine that will run it and the arithmetic of the limits that will hold,
//! over contacts that behave by chance, with no clock but a list of what comes next.
//!
//! The same settings give the same answer everywhere. A contact's behavior depends on the seed, its number and which of
//! its messages it is, not on when anything happens: two simulations under other limits differ by the limits alone.

mod agenda;
mod behavior;
mod bucket;
mod delays;
mod held;
mod outbox;
mod random;
mod report;
mod run;
mod scopes;
mod settings;
mod shares;
mod tally;

pub use behavior::Behavior;
pub use report::{
    Binding, DaySends, EndShare, MessageCounts, NodeCounts, NodeEnd, Simulation, StoppedBy, Wait, Waits, WayCount,
};
pub use settings::{CONTACTS_MAX, DAYS_MAX, Domains, SENDERS_MAX, STEPS_MAX, Settings};
pub use shares::{InvalidShares, Shares};

use chrono::{DateTime, Utc};

use crate::plans::Compiled;
use crate::problems::FieldProblem;

/// Runs a plan for all contacts to their ends, or answers everything that is wrong with the settings. For a
/// million contacts it takes ten to twenty seconds and up to half a gigabyte: not for a thread that others wait for.
pub fn simulate(plan: &Compiled, settings: &Settings) -> Result<Simulation, Vec<FieldProblem>> {
    let problems = settings.check();
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(run::Run::new(plan, settings).go(|_, _| ()))
}

/// Times are microseconds since 1970 in here, as buckets count them.
fn moment(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

#[cfg(test)]
mod example_tests;
#[cfg(test)]
mod property_tests;
