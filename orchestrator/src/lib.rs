//! Feeds due rows into Redis, rescues what was lost, keeps the pulse, and keeps worker processes running. Sends nothing.
//!
//! Everything here is a reconciler: it takes no input, looks at what is, compares it with what should be, and acts on
//! the difference. The path after a disaster is the path of every day.

mod bell;
mod drain;
mod fleet;
mod leader;
mod reconciler;
mod reconcilers;
mod registry;
mod run;

pub use fleet::{SpawnPlan, Supervisor};
pub use leader::Leadership;
pub use reconciler::{Reconciler, Report};
pub use reconcilers::{
    AddUpDailySends, AuditQueue, BeatPulse, ChargeCrashes, ExpireCommits, FeedMessages, MeasureRooms, RescueMessages,
    ResolveUncertain, WriteOffWorkers,
};
pub use registry::{Parts, reconcilers};
pub use run::run;
