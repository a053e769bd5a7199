use clap::Args;
use runtime::Ids;
use runtime::config::{DatabaseConfig, RedisConfig};
use serde_json::json;

use crate::connect;
use crate::output::OutputOptions;

#[derive(Args)]
pub struct ResumeOptions {
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    redis: RedisConfig,
    #[command(flatten)]
    output: OutputOptions,
}

/// Nothing that was queued before can run: a new generation begins beyond the beat that Redis has.
pub async fn run(options: ResumeOptions) -> anyhow::Result<()> {
    let store = connect::store(&options.database, "postfleet resume")?;
    let beat = connect::queue(&options.redis)?.standing_beat().await?.unwrap_or(0);
    let resumed = store.fleet().resume(Ids::system().next(), beat).await?;
    options.output.print(&json!({"resumed": resumed}));
    Ok(())
}
