//! What the limits promise, on a real Redis.

mod admitting;
mod connections;
mod setup;
mod standing_still;
