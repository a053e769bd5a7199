use std::time::Duration;

use anyhow::Context;
use api::explain::explain;
use clap::Args;
use domain::ids::MessageId;
use limits::Limiter;
use runtime::DatabaseClock;
use runtime::config::{DatabaseConfig, RedisConfig};
use runtime::pulse::adopt_pulse;
use serde_json::json;

use crate::connect;
use crate::output::{OutputOptions, say};

/// Longest wait for Postgres.
const WITHIN: Duration = Duration::from_secs(10);

#[derive(Args)]
pub struct ExplainOptions {
    /// The message's id: msg_…
    message: MessageId,
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    redis: RedisConfig,
    #[command(flatten)]
    output: OutputOptions,
}

pub async fn run(options: ExplainOptions) -> anyhow::Result<()> {
    let store = connect::store(&options.database, "postfleet explain")?;
    let queue = connect::queue(&options.redis)?;
    let limits = Limiter::new(queue.link().clone());
    let explained = async {
        adopt_pulse(&store, &queue, &limits, &DatabaseClock::default()).await?;
        let Some(tenant) = store.messages().tenant_of_any(options.message).await? else { return Ok(None) };
        explain(&store, &queue, &limits, tenant, options.message).await
    };
    let explained = tokio::time::timeout(WITHIN, explained).await.context("Postgres did not answer")??;
    let explained = explained.with_context(|| format!("there is no message {}", options.message))?;
    if options.output.json {
        say(json!({"message": options.message, "state": explained.state, "waiting": explained.waiting}));
        return Ok(());
    }
    say(format_args!("{} is {}", options.message, explained.state));
    match explained.waiting {
        None => say("it waits for nothing"),
        Some(waiting) => {
            say(waiting.because);
            if let Some(until) = waiting.until {
                say(format_args!("until {}", until.format("%Y-%m-%dT%H:%M:%S%.3fZ")));
            }
        }
    }
    Ok(())
}
