//! One file per command.

pub mod api;
pub mod demo;
pub mod keys;
pub mod migrate;
pub mod orchestrator;
pub mod resume;
pub mod senders;
pub mod tenants;
pub mod up;
pub mod worker;
