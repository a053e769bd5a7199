//! What stands in Redis: ids, never content.

mod send_job;
mod timeout_job;

pub use send_job::{JOB_ROWS_MAX, PoolName, SEND_SHARED, SendJob};
pub use timeout_job::{TIMEOUT_SHARED, TimeoutJob};
