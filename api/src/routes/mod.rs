//! One file per operation.

pub mod messages;
pub mod queue;
