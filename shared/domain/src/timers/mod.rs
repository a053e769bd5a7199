//! Timers: synthetic events that are due at a time.

mod decide_timer;

pub use decide_timer::{FiredKind, SNOOZE_AT_MOST, TimerDecision, TimerFacts, decide_timer};
