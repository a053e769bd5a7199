//! One file per job.

pub mod messages;
