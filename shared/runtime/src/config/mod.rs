//! Configuration: one struct per concern, each a set of options that can also be given by environment.

mod fleet;
mod stores;

pub use fleet::{
    ApiConfig, LinksConfig, LogConfig, LogFormat, OpsConfig, OrchestratorConfig, SmtpConfig, WorkerConfig,
};
pub use stores::{DatabaseConfig, RedisConfig, SecretsConfig};
