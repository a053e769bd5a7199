use std::io::Read;

use ::worker::{Context, ContextOptions, Worker, WorkerIdentity};
use anyhow::Context as _;
use clap::Args;
use domain::ids::WorkerId;
use limits::Limiter;
use providers::Egress;
use providers::smtp::SmtpTimeouts;
use runtime::config::{DatabaseConfig, LinksConfig, OpsConfig, RedisConfig, SecretsConfig, SmtpConfig, WorkerConfig};
use runtime::{DatabaseClock, Ids, Jitter, Shutdown, ops_server, telemetry};

use crate::connect;

#[derive(Args, Clone)]
pub struct WorkerOptions {
    #[command(flatten)]
    pub database: DatabaseConfig,
    #[command(flatten)]
    pub redis: RedisConfig,
    #[command(flatten)]
    pub secrets: SecretsConfig,
    #[command(flatten)]
    pub worker: WorkerConfig,
    #[command(flatten)]
    pub smtp: SmtpConfig,
    #[command(flatten)]
    pub links: LinksConfig,
    #[command(flatten)]
    pub ops: OpsConfig,
}

pub async fn run(options: WorkerOptions) -> anyhow::Result<()> {
    telemetry::metrics();
    let shutdown = Shutdown::on_signals()?;
    if options.worker.stop_with_parent {
        stop_with_parent(shutdown.clone());
    }
    tokio::spawn(telemetry::metrics_upkeep());
    let worker = build(&options)?;
    let (store, queue) = (worker.context.store.clone(), worker.queue.clone());
    let health = connect::small_store(&options.database, "postfleet health")?;
    ops_server::serve(options.ops.ops_listen, ops_server::stores_check(health, queue.clone()), shutdown.clone())
        .await?;
    runtime::pulse::wait_for_schema(&store, migrations::newest(), &shutdown).await;
    runtime::eviction::wait_for_noeviction(&queue, &shutdown).await;
    let limits = worker.context.limits.clone();
    tokio::spawn(runtime::pulse::watch_pulse(store, queue, limits, DatabaseClock::default(), shutdown.clone()));
    worker.run(shutdown).await
}

/// A worker as configured; also a part of `up`.
pub fn build(options: &WorkerOptions) -> anyhow::Result<Worker> {
    let (config, ids) = (&options.worker, Ids::system());
    let id: WorkerId = match &config.worker_id {
        Some(given) => given.parse().context("POSTFLEET_WORKER_ID is no worker id")?,
        None => ids.next(),
    };
    let host = connect::host_name();
    let store = connect::worker_store(&options.database, &format!("postfleet {id}"))?;
    let queue = connect::queue(&options.redis)?;
    let limits = Limiter::new(queue.link().clone());
    let context = ContextOptions {
        keyring: options.secrets.keyring()?,
        egress: Egress::allowing(&options.smtp.smtp_allow_networks)?,
        roots: connect::smtp_roots(&options.smtp)?,
        hello: connect::smtp_hello(&options.smtp),
        timeouts: SmtpTimeouts::default(),
        connections_max: config.worker_connections as usize,
        public_url: options.links.public_url.clone(),
    };
    Ok(Worker {
        identity: WorkerIdentity { id, name: format!("{host}-{}", std::process::id()), host },
        context: Context::new(store, limits, ids, Jitter::system(), id, Some(queue.clone()), context),
        queue,
        heartbeat_store: connect::small_store(&options.database, &format!("postfleet heartbeat {id}"))?,
        jobs_max: config.worker_jobs as usize,
        drain: config.drain(),
    })
}

/// The supervisor holds the other end of our standard input: when it closes, nobody is left to restart or to stop us.
fn stop_with_parent(shutdown: Shutdown) {
    std::thread::spawn(move || {
        let mut nothing = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut nothing);
        shutdown.begin();
    });
}
