//! Jobs of the `timeout` queue.

pub mod decide_timers;
pub mod fire_timers;
