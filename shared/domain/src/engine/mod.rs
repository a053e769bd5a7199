//! Runs one contact through a plan: `step(plan, enrollment, event, now)` answers the enrollment as it is then, and what
//! is to be done about it.
//!
//! Total and deterministic: whatever comes, in whatever order, as often as it likes. What was answered before, or
//! belongs to a node that was left, changes nothing, so that events may be told twice and late.

mod effect;
mod enrollment;
mod event;
mod step;
mod timers;

pub use effect::{Effect, Stepped, Taken};
pub use enrollment::{End, Enrollment, Phase};
pub use event::{Event, TimerKind};
pub use step::{VISITS_MAX, begin, step};

#[cfg(test)]
pub(crate) mod random_plans;
#[cfg(test)]
mod tests;
