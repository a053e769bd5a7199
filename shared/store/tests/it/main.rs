//! What the store promises, on a real Postgres.

mod committing;
mod enqueueing;
mod enrolling;
mod feeding;
mod firing;
mod leading;
mod migrating;
mod recording;
mod repairing;
mod repeating;
mod resolving;
mod setup;
