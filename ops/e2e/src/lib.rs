//! The whole system in one test: real Postgres, real Redis, a real SMTP conversation, judged by the sink's own log.

mod fleet;
mod http;
mod judge;
mod system;

pub use fleet::Fleet;
pub use http::{Answer, Client};
pub use system::{Reach, SHORT_TIMEOUTS, System, WorkerHandle, WorkerSetup};
