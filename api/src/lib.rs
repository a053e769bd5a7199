//! The HTTP API: checks the caller, writes rows, pushes a job for what may go now, serves reads. Sends no mail.

mod enqueue;
mod error;
pub mod explain;
mod extract;
pub mod pausing;
mod router;
mod routes;
mod run;
mod state;
mod views;

pub use error::ApiError;
pub use router::router;
pub use run::run;
pub use state::ApiState;
