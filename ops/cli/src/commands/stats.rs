use clap::Args;

use crate::client::ApiConnection;
use crate::output::OutputOptions;

#[derive(Args)]
pub struct StatsOptions {
    #[command(flatten)]
    api: ApiConnection,
    #[command(flatten)]
    output: OutputOptions,
}

pub async fn run(options: StatsOptions) -> anyhow::Result<()> {
    options.output.print(&options.api.get("/v1/stats").await?);
    Ok(())
}
