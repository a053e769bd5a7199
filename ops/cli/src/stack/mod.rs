//! A private stack to show or measure something on: Postgres and Redis of its own, our processes, and an SMTP sink.

mod processes;
mod scrape;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use domain::ids::{SenderId, TenantId};
use domain::keys::KeyRights;
use domain::limits::LimitTarget;
use migrations::Migrator;
use sea_orm_migration::MigratorTrait;
use sqlx::{Connection, Executor, PgConnection};
use store::{Store, StoreOptions};
use testkit::database::with_database;
use testkit::postgres::Durability;
use testkit::{Build, Services, Sink, SinkOptions, guard};

pub use processes::StackWorker;
use processes::{Process, Processes};
pub use scrape::Scrape;

const START_WITHIN: Duration = Duration::from_secs(30);

/// How a stack is made up.
#[derive(Debug, Clone)]
pub struct StackPlan {
    /// Part of the names of its database and of its keys in Redis: never those of a fleet that uses the same ones.
    pub label: &'static str,
    pub tenants: usize,
    pub senders_per_tenant: usize,
    pub connections_per_sender: u32,
    /// What the sink takes to answer a final dot.
    pub sink_answers_after_ms: u64,
    pub workers: u32,
    /// Whether the orchestrator starts the workers (and starts them again), or the stack does, each with a metrics
    /// listener that can be found.
    pub supervised: bool,
}

/// A sender and the key of its tenant.
#[derive(Debug, Clone)]
pub struct StackSender {
    pub id: SenderId,
    pub tenant: TenantId,
    pub key: String,
}

/// Private services, our processes, and a sink.
pub struct Stack {
    pub services: Services,
    /// Whether Redis is ours alone: else only our own keys may be removed.
    pub own_redis: bool,
    pub database_url: String,
    pub redis_tag: String,
    pub store: Store,
    pub sink: Sink,
    pub senders: Vec<StackSender>,
    pub workers: Vec<StackWorker>,
    pub api: Process,
    pub orchestrator: Process,
    processes: Processes,
    api_address: SocketAddr,
    database: String,
}

impl Stack {
    async fn start(plan: &StackPlan) -> anyhow::Result<Self> {
        let own_redis = std::env::var_os("REDIS_URL").is_none_or(|url| url.is_empty());
        eprintln!("starting Postgres, Redis and an SMTP sink …");
        let services = tokio::task::spawn_blocking(|| Services::start(Durability::Real)).await??;
        let database = format!("postfleet_{}_{}", plan.label.replace('-', "_"), std::process::id());
        run_sql(&services.database_url, &format!("CREATE DATABASE {database}")).await?;
        let database_url = with_database(&services.database_url, &database)?;
        let store = Store::connect(&database_url, &StoreOptions::new("postfleet stack"))?;
        Migrator::up(store.orm(), None).await?;
        let options = SinkOptions { answer_after_ms: plan.sink_answers_after_ms, ..SinkOptions::default() };
        let sink = Sink::start_with(&options)?;
        guard::watch(sink.pid(), Path::new("/nonexistent"))?;

        let redis_tag = format!("pf-{}-{}", plan.label, std::process::id());
        let processes = Processes::new(&database_url, &services.redis_url, &redis_tag)?;
        let (api, api_address) = processes.api()?;
        let supervised = if plan.supervised { plan.workers } else { 0 };
        let orchestrator = processes.orchestrator(supervised)?;
        let mut stack = Self {
            services,
            own_redis,
            database_url,
            redis_tag,
            store,
            sink,
            senders: Vec::new(),
            workers: Vec::new(),
            api,
            orchestrator,
            processes,
            api_address,
            database,
        };
        for _ in 0..plan.tenants {
            let tenant = stack.create_tenant().await?;
            for _ in 0..plan.senders_per_tenant {
                stack.create_sender(&tenant, stack.sink.smtp, plan.connections_per_sender).await?;
            }
        }
        for _ in 0..plan.workers - supervised {
            stack.start_worker()?;
        }
        tokio::time::timeout(START_WITHIN, stack.until_ready(i64::from(plan.workers)))
            .await
            .context("the stack did not come up")??;
        Ok(stack)
    }

    /// Starts a stack, does something with it until it is done or interrupted, and stops it whatever came of it.
    pub async fn with<T>(plan: &StackPlan, run: impl AsyncFnOnce(&mut Self) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let mut stack = Self::start(plan).await?;
        let ran = tokio::select! {
            biased;
            ran = run(&mut stack) => ran,
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
        };
        stack.stop().await?;
        ran
    }

    pub fn api_url(&self) -> String {
        format!("http://{}", self.api_address)
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

    /// One more worker of the stack's own.
    pub fn start_worker(&mut self) -> anyhow::Result<()> {
        self.workers.push(self.processes.worker()?);
        Ok(())
    }

    /// What a process of the stack measures: the orchestrator's.
    pub async fn scrape_orchestrator(&self) -> anyhow::Result<Scrape> {
        Scrape::of(self.orchestrator.ops).await
    }

    /// A tenant whose limits are all active, and out of reach until somebody sets others. Answers it with a key.
    pub async fn create_tenant(&self) -> anyhow::Result<(TenantId, String)> {
        let build = Build::new(&self.store);
        let tenant = build.tenant().await?;
        Ok((tenant, build.key(tenant, KeyRights::full()).await?))
    }

    pub async fn create_sender(
        &mut self,
        (tenant, key): &(TenantId, String),
        smtp: SocketAddr,
        connections: u32,
    ) -> anyhow::Result<SenderId> {
        let build = Build::new(&self.store);
        let id = build.sender_with(*tenant, smtp, |new| new.max_connections = connections).await?;
        self.senders.push(StackSender { id, tenant: *tenant, key: key.clone() });
        Ok(id)
    }

    pub async fn limit(&self, target: LimitTarget, limits: &[&str]) -> anyhow::Result<()> {
        Build::new(&self.store).limit(target, limits).await
    }

    async fn until_ready(&self, workers: i64) -> anyhow::Result<()> {
        let ready = format!("{}/readyz", self.api_url());
        loop {
            let api = reqwest::get(&ready).await.is_ok_and(|answer| answer.status().is_success());
            if api && self.store.workers().alive().await? >= workers {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Stops everything in order, and removes what was ours in services that were not.
    async fn stop(mut self) -> anyhow::Result<()> {
        let workers = self.workers.iter_mut().map(|worker| &mut worker.process);
        let mut all: Vec<&mut Process> = workers.collect();
        all.extend([&mut self.orchestrator, &mut self.api]);
        for process in &all {
            process.terminate()?;
        }
        for process in all {
            process.ended().await?;
        }
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
