use ::api::ApiState;
use clap::Args;
use runtime::config::{ApiConfig, DatabaseConfig, OpsConfig, RedisConfig, SecretsConfig, SmtpConfig};
use runtime::{DatabaseClock, Ids, Shutdown, ops_server, telemetry};
use tokio::net::TcpListener;

use crate::connect;

#[derive(Args)]
pub struct ApiOptions {
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    redis: RedisConfig,
    #[command(flatten)]
    api: ApiConfig,
    #[command(flatten)]
    secrets: SecretsConfig,
    #[command(flatten)]
    smtp: SmtpConfig,
    #[command(flatten)]
    ops: OpsConfig,
}

pub async fn run(options: ApiOptions) -> anyhow::Result<()> {
    telemetry::metrics();
    let told = connect::api_options(&options.api, &options.secrets, &options.smtp)?;
    let shutdown = Shutdown::on_signals()?;
    let store = connect::store(&options.database, "postfleet api")?;
    let queue = connect::queue(&options.redis)?;
    let health = connect::small_store(&options.database, "postfleet health")?;
    ops_server::serve(
        options.ops.ops_listen,
        ops_server::stores_check(health.clone(), queue.clone()),
        shutdown.clone(),
    )
    .await?;
    tokio::spawn(telemetry::metrics_upkeep());
    runtime::pulse::wait_for_schema(&store, migrations::newest(), &shutdown).await;
    runtime::eviction::wait_for_noeviction(&queue, &shutdown).await;
    let listener = TcpListener::bind(options.api.api_listen).await?;
    let state = ApiState::new(store, queue, Ids::system(), DatabaseClock::default(), told).with_health(health);
    ::api::run(listener, state, shutdown).await
}
