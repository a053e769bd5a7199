//! One file per command.

pub mod api;
pub mod bench;
pub mod demo;
pub mod explain;
pub mod keys;
pub mod limits;
pub mod migrate;
pub mod orchestrator;
pub mod resume;
pub mod senders;
pub mod tenants;
pub mod up;
pub mod worker;
