//! The demo: a private stack under load, with workers killed and Redis emptied, judged by the sink's own log.

mod campaign;
mod chaos;
mod load;
mod report;
mod tail;
mod verdict;
mod watch;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Subcommand};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::stack::{Stack, StackPlan};
use campaign::CampaignDemoOptions;
use chaos::Chaos;
use verdict::Verdict;
use watch::Watch;

#[derive(Args, Clone)]
#[command(args_conflicts_with_subcommands = true)]
pub struct DemoOptions {
    #[command(subcommand)]
    part: Option<DemoPart>,
    /// Messages to enqueue over HTTP.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1_000..=1_000_000))]
    messages: u32,
    /// Decides which workers are killed and when. Printed, so that a run can be repeated.
    #[arg(long)]
    seed: Option<u64>,
    /// Worker processes.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..=16))]
    workers: u32,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
    /// Leave the stack up at the end, with a link, until Ctrl-C.
    #[arg(long)]
    keep: bool,
}

#[derive(Subcommand, Clone)]
enum DemoPart {
    /// A campaign in compressed time: who stands where, and where the pure engine says they should.
    Campaign(CampaignDemoOptions),
}

/// A server on the Internet rarely answers faster than the sink.
const PLAN: StackPlan = StackPlan {
    label: "demo",
    tenants: 4,
    senders_per_tenant: 3,
    connections_per_sender: 48,
    sink_answers_after_ms: 10,
    workers: 3,
    supervised: true,
};
/// Longest the load may take to reach its end, once all is enqueued.
const PATIENCE: Duration = Duration::from_secs(180);

pub async fn run(options: DemoOptions) -> anyhow::Result<ExitCode> {
    if let Some(DemoPart::Campaign(options)) = options.part {
        return campaign::run(options).await;
    }
    let seed = options.seed.unwrap_or_else(|| u64::from_le_bytes(runtime::ids::secret_bytes()));
    eprintln!("seed {seed}: repeat this run with --seed {seed}");
    let plan = StackPlan { workers: options.workers, ..PLAN };
    let verdict = Stack::with(&plan, async |stack| drive(&options, stack, seed).await).await?;
    Ok(if verdict.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn drive(options: &DemoOptions, stack: &Stack, seed: u64) -> anyhow::Result<Verdict> {
    eprintln!("stack is up: {} workers, {} senders, sink on {}", options.workers, stack.senders.len(), stack.sink.smtp);
    let mut watch = Watch::start(stack, options.messages).await?;
    let mut chaos = Chaos::new(stack, options.messages, options.workers, StdRng::seed_from_u64(seed));
    let events = tokio::time::timeout(PATIENCE, chaos.run(&mut watch)).await.context("the load came to no end")??;
    watch.until_settled(PATIENCE).await?;

    let verdict = verdict::judge(stack, options.messages, &events, watch.sending_secs()).await?;
    report::print(&verdict, &events, options.json);
    if options.keep {
        report::print_links(stack);
        tokio::signal::ctrl_c().await?;
    }
    Ok(verdict)
}
