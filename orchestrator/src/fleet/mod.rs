//! Worker processes of this machine.

mod supervise;

pub use supervise::{SpawnPlan, Supervisor};
