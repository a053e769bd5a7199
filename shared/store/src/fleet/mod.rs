//! The fleet's own rows: who works, who leads, and the pulse that stands in Redis too.

mod leaders;
mod pulse;
mod workers;

pub use leaders::{LEADER, Leaders, Term};
pub use pulse::{Fleet, FleetSigns, FleetState, RaisedBeat};
pub use workers::{NewWorker, WorkerEnd, WorkerRow, Workers};
