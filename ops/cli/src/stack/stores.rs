use domain::keys::KeyRights;
use migrations::Migrator;
use sea_orm_migration::MigratorTrait;
use sqlx::{Connection, Executor, PgConnection};
use store::{Store, StoreOptions};
use testkit::database::with_database;
use testkit::postgres::Durability;
use testkit::{Build, Services};

use domain::ids::TenantId;

/// A migrated database and a corner of a Redis that are ours alone; the servers too, where none were given.
pub struct Stores {
    pub services: Services,
    pub database_url: String,
    pub redis_tag: String,
    pub store: Store,
    /// Whether Redis is ours alone: else only our own keys may be removed.
    own_redis: bool,
    database: String,
}

impl Stores {
    pub async fn start(label: &str) -> anyhow::Result<Self> {
        let own_redis = std::env::var_os("REDIS_URL").is_none_or(|url| url.is_empty());
        let services = tokio::task::spawn_blocking(|| Services::start(Durability::Real)).await??;
        let process = std::process::id();
        let database = format!("postfleet_{}_{process}", label.replace('-', "_"));
        run_sql(&services.database_url, &format!("CREATE DATABASE {database}")).await?;
        let database_url = with_database(&services.database_url, &database)?;
        let store = Store::connect(&database_url, &StoreOptions::new("postfleet stack"))?;
        Migrator::up(store.orm(), None).await?;
        Ok(Self { services, database_url, redis_tag: format!("pf-{label}-{process}"), store, own_redis, database })
    }

    /// Starts them, does something with them, and removes what was ours whatever came of it.
    pub async fn with<T>(label: &str, run: impl AsyncFnOnce(&Self) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let stores = Self::start(label).await?;
        let ran = tokio::select! {
            biased;
            ran = run(&stores) => ran,
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
        };
        stores.stop().await?;
        ran
    }

    pub async fn redis(&self) -> anyhow::Result<redis::aio::MultiplexedConnection> {
        Ok(redis::Client::open(self.services.redis_url.as_str())?.get_multiplexed_async_connection().await?)
    }

    /// Empties Redis, or where it is not ours alone, removes everything that is.
    pub async fn empty_redis(&self) -> anyhow::Result<()> {
        let mut redis = self.redis().await?;
        if self.own_redis {
            return Ok(redis::cmd("FLUSHALL").query_async(&mut redis).await?);
        }
        let pattern = format!("{{{}}}*", self.redis_tag);
        let names: Vec<String> = redis::cmd("KEYS").arg(pattern).query_async(&mut redis).await?;
        if !names.is_empty() {
            let _: () = redis::AsyncCommands::del(&mut redis, names).await?;
        }
        Ok(())
    }

    /// A tenant whose limits are all active, and out of reach until somebody sets others. Answers it with a key.
    pub async fn create_tenant(&self) -> anyhow::Result<(TenantId, String)> {
        let build = Build::new(&self.store);
        let tenant = build.tenant().await?;
        Ok((tenant, build.key(tenant, KeyRights::full()).await?))
    }

    /// Removes what was ours in servers that were not.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.store.close().await;
        if !self.own_redis {
            self.empty_redis().await?;
        }
        run_sql(&self.services.database_url, &format!("DROP DATABASE {} WITH (FORCE)", self.database)).await
    }
}

async fn run_sql(url: &str, sql: &str) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute(sqlx::AssertSqlSafe(sql)).await?;
    Ok(connection.close().await?)
}
