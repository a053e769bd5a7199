//! The real thing for tests and the demo: private Postgres and Redis, a database per test, a shiftable clock, a scripted
//! SMTP sink in its own process, a TCP proxy that breaks connections, and builders.
//!
//! Tests wait for signals and states, never for time to pass.

pub mod binaries;
pub mod build;
mod build_campaigns;
pub mod certificate;
pub mod database;
mod free_port;
pub mod guard;
pub mod postgres;
pub mod proxy;
pub mod redis_server;
pub mod services;
pub mod sink;
pub mod small_disk;
pub mod system_user;
pub mod until;

pub use build::Build;
pub use certificate::ServerCertificate;
pub use database::TestDatabase;
pub use free_port::free_port;
pub use proxy::FaultProxy;
pub use redis_server::RedisServer;
pub use services::Services;
pub use sink::{Sink, SinkEvent, SinkOptions};
pub use small_disk::SmallDisk;
pub use until::{until, until_within};
