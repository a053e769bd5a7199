//! A database per test, cloned from a migrated template, with a clock that the test can shift.

use std::time::Duration;

use anyhow::Context;
use migrations::Migrator;
use sea_orm_migration::MigratorTrait;
use sqlx::{Connection, Executor, PgConnection};
use store::{Store, StoreOptions};
use tokio::sync::OnceCell;

use crate::Services;
use crate::postgres::Postgres;

pub struct TestDatabase {
    pub url: String,
    pub store: Store,
}

/// The template's `postfleet_now()` reads a shift, so that one database's time can move alone.
const SHIFTABLE_CLOCK: &str = "
    CREATE TABLE test_clock (shift interval NOT NULL);
    INSERT INTO test_clock VALUES ('0');
    CREATE OR REPLACE FUNCTION postfleet_now() RETURNS timestamptz LANGUAGE sql STABLE
        AS 'SELECT now() + shift FROM test_clock'";

impl TestDatabase {
    pub async fn create() -> anyhow::Result<Self> {
        let template = template().await?;
        let name =
            format!("pf_test_{}", uuid::Uuid::from_u128(u128::from_le_bytes(runtime::ids::secret_bytes())).simple());
        run(&Services::shared().database_url, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await?;
        let url = with_database(&Services::shared().database_url, &name)?;
        let store = Store::connect(&url, &StoreOptions::new("test"))?;
        Ok(Self { url, store })
    }

    /// The same in a server of the test's own.
    pub async fn create_in(server: &Postgres) -> anyhow::Result<Self> {
        run(&server.url("postgres"), "CREATE DATABASE postfleet").await?;
        let url = server.url("postfleet");
        prepare(&url).await?;
        let store = Store::connect(&url, &StoreOptions::new("test"))?;
        Ok(Self { url, store })
    }

    /// A connection of the test's own, to look and to meddle.
    pub async fn connection(&self) -> anyhow::Result<PgConnection> {
        Ok(PgConnection::connect(&self.url).await?)
    }

    /// Moves this database's time.
    pub async fn advance(&self, by: Duration) -> anyhow::Result<()> {
        sqlx::query("UPDATE test_clock SET shift = shift + make_interval(secs => $1)")
            .bind(by.as_secs_f64())
            .execute(&mut self.connection().await?)
            .await?;
        Ok(())
    }

    /// One number from one query.
    pub async fn count(&self, sql: &'static str) -> anyhow::Result<i64> {
        Ok(sqlx::query_scalar(sql).fetch_one(&mut self.connection().await?).await?)
    }
}

async fn template() -> anyhow::Result<&'static str> {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    let name = TEMPLATE
        .get_or_try_init(|| async {
            let admin = &Services::shared().database_url;
            let name = format!("pf_template_{}", std::process::id());
            run(admin, &format!("DROP DATABASE IF EXISTS {name}")).await?;
            run(admin, &format!("CREATE DATABASE {name}")).await?;
            let url = with_database(admin, &name)?;
            prepare(&url).await?;
            anyhow::Ok(name)
        })
        .await?;
    Ok(name)
}

async fn prepare(url: &str) -> anyhow::Result<()> {
    let store = Store::connect(url, &StoreOptions::new("template").connections_max(2))?;
    Migrator::up(store.orm(), None).await?;
    store.close().await;
    run(url, SHIFTABLE_CLOCK).await
}

async fn run(url: &str, sql: &str) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute(sqlx::AssertSqlSafe(sql)).await.with_context(|| format!("failed: {sql}"))?;
    connection.close().await?;
    Ok(())
}

/// The same server, another database.
pub fn with_database(url: &str, name: &str) -> anyhow::Result<String> {
    let (base, options) = url.split_once('?').map_or((url, None), |(base, options)| (base, Some(options)));
    let (server, _) = base.rsplit_once('/').context("a database URL ends in /name")?;
    Ok(options.map_or_else(|| format!("{server}/{name}"), |options| format!("{server}/{name}?{options}")))
}
