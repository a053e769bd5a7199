//! Postgres and Redis for a whole test run.

use std::sync::OnceLock;

use crate::postgres::{Durability, Postgres};
use crate::redis_server::RedisServer;

/// Where they are. Private ones end with the value.
pub struct Services {
    pub database_url: String,
    pub redis_url: String,
    _postgres: Option<Postgres>,
    _redis: Option<RedisServer>,
}

impl Services {
    /// Uses `DATABASE_URL` and `REDIS_URL` where they are set, and starts what is missing.
    pub fn start(durability: Durability) -> anyhow::Result<Self> {
        let given = |name: &str| {
            std::env::var_os(name).and_then(|value| value.into_string().ok()).filter(|url| !url.is_empty())
        };
        let (database, redis) = (given("DATABASE_URL"), given("REDIS_URL"));
        let own_postgres = database.is_none().then(|| Postgres::start(durability)).transpose()?;
        let own_redis = redis.is_none().then(RedisServer::start).transpose()?;
        Ok(Self {
            database_url: database
                .or_else(|| own_postgres.as_ref().map(|postgres| postgres.url("postgres")))
                .unwrap_or_default(),
            redis_url: redis.or_else(|| own_redis.as_ref().map(RedisServer::url)).unwrap_or_default(),
            _postgres: own_postgres,
            _redis: own_redis,
        })
    }

    /// Those of this test process, started on first use.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Services> = OnceLock::new();
        SHARED.get_or_init(|| match Self::start(Durability::Relaxed) {
            Ok(services) => services,
            Err(error) => panic!("tests need Postgres and Redis: {error:#}"),
        })
    }
}
