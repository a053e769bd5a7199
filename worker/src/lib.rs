//! Drains the pools it is assigned: does the IO and records what came of it. Decides nothing about who works on what.

pub mod commits;
mod connections;
mod context;
mod heartbeat;
pub mod jobs;
mod live_events;
pub mod outcomes;
mod registry;
mod run;
mod senders;
mod templates;
mod tokens;

pub use connections::SenderConnections;
pub use context::{Context, ContextOptions};
pub use run::{Worker, WorkerIdentity};
