use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::SqlxPostgresConnector;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::{Result, Store};

/// How a process uses the database.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    pub connections_max: u32,
    /// Shown in `pg_stat_activity`.
    pub application_name: String,
    /// A statement still running after this is ended by the server. It bounds how long a lost compare-and-set may
    /// still commit behind our back.
    pub statement_timeout: Duration,
    pub acquire_timeout: Duration,
    /// Statements are planned once for a connection, whatever their arguments.
    pub planned_once: bool,
}

impl StoreOptions {
    pub fn new(application_name: impl Into<String>) -> Self {
        Self {
            connections_max: 8,
            application_name: application_name.into(),
            statement_timeout: Duration::from_secs(8),
            acquire_timeout: Duration::from_secs(5),
            planned_once: false,
        }
    }

    /// For migrations, which may build an index for hours; each step bounds its own locks.
    pub fn unhurried(self) -> Self {
        Self { statement_timeout: Duration::ZERO, ..self }
    }

    /// For a worker, all of whose statements find rows by key or place: there is nothing that a plan for just these
    /// arguments could do better, and Postgres would plan every job's anew.
    pub fn planned_once(self) -> Self {
        Self { planned_once: true, ..self }
    }

    pub fn connections_max(self, connections_max: u32) -> Self {
        Self { connections_max, ..self }
    }
}

impl Store {
    /// Connects on first use: a process may start before its database.
    pub fn connect(url: &str, options: &StoreOptions) -> Result<Self> {
        let connect = PgConnectOptions::from_str(url)?.application_name(&options.application_name).options([
            ("statement_timeout", options.statement_timeout.as_millis().to_string()),
            ("idle_in_transaction_session_timeout", "10000".to_owned()),
            ("plan_cache_mode", if options.planned_once { "force_generic_plan" } else { "auto" }.to_owned()),
            // A plan is kept for as long as its connection, and may be made while the tables are nearly empty: reading one
            // from end to end must never look like the shortest way.
            ("seq_page_cost", "1000".to_owned()),
            // By such costs, each statement would be compiled.
            ("jit", "off".to_owned()),
            ("lock_timeout", if options.statement_timeout.is_zero() { "0" } else { "5000" }.to_owned()),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(options.connections_max)
            .acquire_timeout(options.acquire_timeout)
            .connect_lazy_with(connect);
        let orm = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
        Ok(Self { orm, pool, plans: Arc::default(), repeating: Arc::default() })
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    pub async fn close(&self) {
        self.pool.close().await;
    }
}
