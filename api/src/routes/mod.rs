//! One file per operation.

pub mod limits;
pub mod messages;
pub mod queue;
pub mod senders;
pub mod tenant;
