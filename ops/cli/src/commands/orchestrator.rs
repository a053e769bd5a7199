use std::time::Duration;

use ::orchestrator::{Parts, SpawnPlan, Supervisor};
use clap::Args;
use runtime::config::{LogConfig, LogFormat, OpsConfig, OrchestratorConfig};
use runtime::{Ids, Shutdown, ops_server, telemetry};

use super::worker::WorkerOptions;
use crate::connect;

#[derive(Args)]
pub struct OrchestratorOptions {
    #[command(flatten)]
    orchestrator: OrchestratorConfig,
    /// How spawned workers are set up; the stores are the orchestrator's own too.
    #[command(flatten)]
    worker: WorkerOptions,
}

pub async fn run(options: OrchestratorOptions, logs: &LogConfig) -> anyhow::Result<()> {
    telemetry::metrics();
    let shutdown = Shutdown::on_signals()?;
    let parts = parts(&options.worker, &options.orchestrator)?;
    let OpsConfig { ops_listen } = options.worker.ops;
    let health = connect::small_store(&options.worker.database, "postfleet health")?;
    ops_server::serve(ops_listen, ops_server::stores_check(health, parts.queue.clone()), shutdown.clone()).await?;
    tokio::spawn(telemetry::metrics_upkeep());
    runtime::pulse::wait_for_schema(&parts.store, migrations::newest(), &shutdown).await;
    runtime::eviction::wait_for_noeviction(&parts.queue, &shutdown).await;
    let supervisor = supervisor(&parts, &options.worker, logs, options.orchestrator.spawn)?;
    ::orchestrator::run(parts, supervisor, shutdown).await
}

pub fn parts(options: &WorkerOptions, orchestrator: &OrchestratorConfig) -> anyhow::Result<Parts> {
    let store = connect::store(&options.database, "postfleet orchestrator")?;
    let parts = Parts::new(store, connect::queue(&options.redis)?, Ids::system());
    Ok(parts.with_ingress(orchestrator.ingress_queue.clone()))
}

/// Workers started as this very program, with what was given to us.
pub fn supervisor(
    parts: &Parts,
    options: &WorkerOptions,
    logs: &LogConfig,
    workers: u32,
) -> anyhow::Result<Option<Supervisor>> {
    if workers == 0 {
        return Ok(None);
    }
    let (database, redis, worker, smtp) = (&options.database, &options.redis, &options.worker, &options.smtp);
    let format = if logs.log_format == LogFormat::Json { "json" } else { "text" };
    let mut env = vec![
        ("POSTFLEET_LOG".to_owned(), logs.log.clone().unwrap_or_default()),
        ("POSTFLEET_LOG_FORMAT".to_owned(), format.to_owned()),
        ("DATABASE_URL".to_owned(), database.database_url.clone()),
        ("POSTFLEET_DATABASE_CONNECTIONS".to_owned(), database.database_connections.to_string()),
        ("REDIS_URL".to_owned(), redis.redis_url.clone()),
        ("POSTFLEET_REDIS_TAG".to_owned(), redis.redis_tag.clone()),
        ("POSTFLEET_WORKER_JOBS".to_owned(), worker.worker_jobs.to_string()),
        ("POSTFLEET_WORKER_CONNECTIONS".to_owned(), worker.worker_connections.to_string()),
        ("POSTFLEET_WORKER_DRAIN_SECS".to_owned(), worker.worker_drain_secs.to_string()),
        ("POSTFLEET_SMTP_ALLOW_NETWORKS".to_owned(), smtp.smtp_allow_networks.join(",")),
        // Several on one machine cannot share a port.
        ("POSTFLEET_OPS_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
    ];
    env.retain(|(_, value)| !value.is_empty());
    let ca_file = redis.redis_ca_file.as_ref().map(|file| file.display().to_string());
    env.extend(ca_file.map(|file| ("POSTFLEET_REDIS_CA_FILE".to_owned(), file)));
    env.extend(options.secrets.secret_keys.clone().map(|keys| ("POSTFLEET_SECRET_KEYS".to_owned(), keys)));
    env.extend(smtp.smtp_hello.clone().map(|hello| ("POSTFLEET_SMTP_HELLO".to_owned(), hello)));
    env.extend(
        smtp.smtp_ca_file.as_ref().map(|file| ("POSTFLEET_SMTP_CA_FILE".to_owned(), file.display().to_string())),
    );
    let plan = SpawnPlan {
        program: std::env::current_exe()?,
        args: vec!["worker".to_owned()],
        env,
        drain: Duration::from_secs(worker.worker_drain_secs),
    };
    Ok(Some(Supervisor { parts: parts.clone(), plan, workers }))
}
