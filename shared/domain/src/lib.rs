//! What Postfleet knows and decides, without doing anything.
//!
//! This crate is pure: no clock, no randomness, no IO. Whoever calls it passes the time, the random number and the
//! rows; it answers with a decision. That is why every rule about mail can be tested as a table.

pub mod address;
pub mod campaigns;
pub mod contacts;
pub mod engine;
pub mod events;
pub mod ids;
pub mod jobs;
pub mod keys;
pub mod limits;
pub mod messages;
pub mod plans;
pub mod problems;
pub mod reply;
pub mod senders;
pub mod simulate;
pub mod suppressions;
pub mod templates;
pub mod timers;
pub mod turns;
pub mod window;
