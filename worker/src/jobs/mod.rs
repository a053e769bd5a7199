//! One file per job.

pub mod messages;
pub mod timers;
