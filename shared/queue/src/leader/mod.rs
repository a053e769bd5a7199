//! What only the leading orchestrator asks of Redis.

mod audit;
mod beat;
mod begin;
mod crashed;
mod forfeit;
mod held;
mod occupancy;
mod standing;
mod take_drained;

pub use audit::Audit;
pub use beat::{Beat, Drained};
pub use begin::Begun;
pub use crashed::CrashedJob;
pub use occupancy::{Caps, Occupancy};
