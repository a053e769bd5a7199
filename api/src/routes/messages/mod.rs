pub mod cancel;
pub mod cancel_matching;
pub mod create;
pub mod create_batch;
pub mod get;
mod known_senders;
pub mod list;
pub mod resolve;

pub use known_senders::KnownSenders;
