//! A private stack to show or measure something on: Postgres and Redis of its own, our processes, and an SMTP sink.

mod processes;
mod scrape;
mod stores;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use domain::ids::{SenderId, TenantId};
use domain::limits::LimitTarget;
use testkit::{Build, Sink, SinkOptions, guard};

pub use processes::StackWorker;
use processes::{Process, Processes};
pub use scrape::Scrape;
pub use stores::Stores;

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

/// Stores of its own, our processes, and a sink.
pub struct Stack {
    pub stores: Stores,
    pub sink: Sink,
    pub senders: Vec<StackSender>,
    pub workers: Vec<StackWorker>,
    pub api: Process,
    pub orchestrator: Process,
    processes: Processes,
    api_address: SocketAddr,
}

impl Stack {
    async fn start(plan: &StackPlan) -> anyhow::Result<Self> {
        eprintln!("starting Postgres, Redis and an SMTP sink …");
        let stores = Stores::start(plan.label).await?;
        let options = SinkOptions { answer_after_ms: plan.sink_answers_after_ms, ..SinkOptions::default() };
        let sink = Sink::start_with(&options)?;
        guard::watch(sink.pid(), Path::new("/nonexistent"))?;

        let processes = Processes::new(&stores)?;
        let (api, api_address) = processes.api()?;
        let supervised = if plan.supervised { plan.workers } else { 0 };
        let orchestrator = processes.orchestrator(supervised)?;
        let (senders, workers) = (Vec::new(), Vec::new());
        let mut stack = Self { stores, sink, senders, workers, api, orchestrator, processes, api_address };
        for _ in 0..plan.tenants {
            let tenant = stack.stores.create_tenant().await?;
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

    /// One more worker of the stack's own.
    pub fn start_worker(&mut self) -> anyhow::Result<()> {
        self.workers.push(self.processes.worker()?);
        Ok(())
    }

    /// What a process of the stack measures: the orchestrator's.
    pub async fn scrape_orchestrator(&self) -> anyhow::Result<Scrape> {
        Scrape::of(self.orchestrator.ops).await
    }

    pub async fn create_sender(
        &mut self,
        (tenant, key): &(TenantId, String),
        smtp: SocketAddr,
        connections: u32,
    ) -> anyhow::Result<SenderId> {
        let build = Build::new(&self.stores.store);
        let id = build.sender_with(*tenant, smtp, |new| new.max_connections = connections).await?;
        self.senders.push(StackSender { id, tenant: *tenant, key: key.clone() });
        Ok(id)
    }

    pub async fn limit(&self, target: LimitTarget, limits: &[&str]) -> anyhow::Result<()> {
        Build::new(&self.stores.store).limit(target, limits).await
    }

    async fn until_ready(&self, workers: i64) -> anyhow::Result<()> {
        let ready = format!("{}/readyz", self.api_url());
        loop {
            let api = reqwest::get(&ready).await.is_ok_and(|answer| answer.status().is_success());
            if api && self.stores.store.workers().alive().await? >= workers {
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
        self.stores.stop().await
    }
}
