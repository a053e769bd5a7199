//! What every process needs beside its own work: configuration, logs, metrics, a private listener, shutdown, secrets,
//! ids and randomness.

mod clock;
pub mod config;
pub mod crypto;
pub mod eviction;
mod group;
pub mod ids;
pub mod ops_server;
pub mod pulse;
pub mod shutdown;
pub mod telemetry;

pub use clock::DatabaseClock;
pub use crypto::Keyring;
pub use group::Group;
pub use ids::{Ids, Jitter};
pub use shutdown::Shutdown;
