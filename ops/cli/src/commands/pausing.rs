//! `pause` and `resume` of tenants and senders.

use ::api::pausing::{PauseView, Paused, pause, pause_reason, resume};
use anyhow::Context;
use clap::Args;
use runtime::config::DatabaseConfig;
use serde_json::json;
use store::OPERATOR;

use crate::connect;
use crate::output::OutputOptions;

#[derive(Args)]
pub struct PauseOptions {
    /// Why; shown to whoever asks why a message waits.
    #[arg(long, default_value = "no reason given", value_parser = pause_reason)]
    reason: String,
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    output: OutputOptions,
}

#[derive(Args)]
pub struct ResumeOptions {
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    output: OutputOptions,
}

impl PauseOptions {
    pub async fn run(&self, what: Paused) -> anyhow::Result<()> {
        let store = connect::store(&self.database, "postfleet pause")?;
        let answer = pause(&store, what, OPERATOR, &self.reason).await?;
        let view = PauseView::paused(answer).with_context(|| format!("there is no {what}"))?;
        self.output.print(&json!(view));
        Ok(())
    }
}

impl ResumeOptions {
    pub async fn run(&self, what: Paused) -> anyhow::Result<()> {
        let store = connect::store(&self.database, "postfleet resume")?;
        let answer = resume(&store, what, true).await?;
        let view = PauseView::resumed(answer).ok().flatten().with_context(|| format!("there is no {what}"))?;
        self.output.print(&json!(view));
        Ok(())
    }
}
