use queue::{Keys, QueueLink};
use runtime::config::{DatabaseConfig, RedisConfig};
use store::{Store, StoreOptions};

pub fn store(config: &DatabaseConfig, name: &str) -> anyhow::Result<Store> {
    let options = StoreOptions::new(name).connections_max(config.database_connections);
    Ok(Store::connect(&config.database_url, &options)?)
}

/// A connection or two beside the usual ones, for what must not wait behind them.
pub fn small_store(config: &DatabaseConfig, name: &str) -> anyhow::Result<Store> {
    Ok(Store::connect(&config.database_url, &StoreOptions::new(name).connections_max(1))?)
}

pub fn queue(config: &RedisConfig) -> anyhow::Result<QueueLink> {
    Ok(QueueLink::connect(&config.redis_url, Keys::with_tag(&config.redis_tag))?)
}
