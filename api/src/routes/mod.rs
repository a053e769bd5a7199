//! One file per operation.

pub mod campaigns;
pub mod contacts;
pub mod contents;
pub mod enrollments;
pub mod events;
pub mod keys;
pub mod limits;
pub mod messages;
pub mod queue;
pub mod senders;
pub mod stats;
pub mod suppressions;
pub mod tenants;
pub mod workers;
