//! One file per command.

pub mod api;
pub mod bench;
pub mod campaigns;
pub mod completions;
pub mod demo;
pub mod doctor;
pub mod enrollments;
pub mod explain;
pub mod keys;
pub mod limits;
pub mod messages;
pub mod migrate;
pub mod openapi;
pub mod orchestrator;
mod pausing;
pub mod queue;
pub mod resume;
pub mod send;
pub mod senders;
pub mod simulate;
mod smtp_url;
pub mod stats;
pub mod suppressions;
pub mod tail;
pub mod tenants;
pub mod up;
pub mod worker;
