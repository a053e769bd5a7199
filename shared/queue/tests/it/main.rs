//! What the queue promises, on a Redis that is stalled, killed, emptied and rolled back.
//!
//! `docs/adr/0002-own-redis-backend.md` names these tests, one per fault of the stock backend.

mod faults;
mod fleet;
mod handing_out;
mod producing;
mod shutting_down;
