use ::api::ApiState;
use clap::Args;
use runtime::config::{ApiConfig, LogConfig, OrchestratorConfig};
use runtime::{DatabaseClock, Ids, Shutdown, ops_server, telemetry};
use tokio::net::TcpListener;

use super::worker::WorkerOptions;
use super::{orchestrator, worker};
use crate::connect;

#[derive(Args)]
pub struct UpOptions {
    #[command(flatten)]
    api: ApiConfig,
    #[command(flatten)]
    orchestrator: OrchestratorConfig,
    #[command(flatten)]
    worker: WorkerOptions,
}

/// All roles in one process. With --spawn, workers are processes of their own; else one works in here.
pub async fn run(options: UpOptions, logs: &LogConfig) -> anyhow::Result<()> {
    telemetry::metrics();
    let shutdown = Shutdown::on_signals()?;
    let parts = orchestrator::parts(&options.worker, &options.orchestrator)?;
    let health = connect::small_store(&options.worker.database, "postfleet health")?;
    let check = ops_server::stores_check(health.clone(), parts.queue.clone());
    ops_server::serve(options.worker.ops.ops_listen, check, shutdown.clone()).await?;
    tokio::spawn(telemetry::metrics_upkeep());
    runtime::pulse::wait_for_schema(&parts.store, migrations::newest(), &shutdown).await;
    runtime::eviction::wait_for_noeviction(&parts.queue, &shutdown).await;

    let listener = TcpListener::bind(options.api.api_listen).await?;
    let told = connect::api_options(&options.api, &options.worker.secrets, &options.worker.smtp)?;
    let state = ApiState::new(parts.store.clone(), parts.queue.clone(), Ids::system(), DatabaseClock::default(), told)
        .with_health(health);
    let supervisor = orchestrator::supervisor(&parts, &options.worker, logs, options.orchestrator.spawn)?;
    let worker = supervisor.is_none().then(|| worker::build(&options.worker)).transpose()?;
    let working = async {
        match worker {
            Some(worker) => {
                let (store, queue) = (worker.context.store.clone(), worker.queue.clone());
                let limits = worker.context.limits.clone();
                let watching =
                    runtime::pulse::watch_pulse(store, queue, limits, DatabaseClock::default(), shutdown.clone());
                tokio::spawn(watching);
                worker.run(shutdown.clone()).await
            }
            None => Ok(()),
        }
    };
    let served = async {
        let ended = ::api::run(listener, state, shutdown.clone()).await;
        shutdown.begin();
        ended
    };
    tokio::try_join!(served, ::orchestrator::run(parts, supervisor, shutdown.clone()), working)?;
    Ok(())
}
