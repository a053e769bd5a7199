use std::time::{Duration, Instant};

use chrono::TimeDelta;
use clap::Args;
use domain::limits::LimitTarget;
use serde_json::json;

use super::BenchResult;
use super::load::{all_due_at_once, until_count};
use super::statistics::{median, rounded};
use crate::stack::{Stack, StackPlan};

const PLAN: StackPlan = StackPlan {
    label: "bench-drain",
    tenants: 4,
    senders_per_tenant: 3,
    connections_per_sender: 32,
    sink_answers_after_ms: 0,
    workers: 3,
    supervised: false,
};
/// Several windows in every scope, none of them in reach.
const OUT_OF_REACH: &[&str] = &["100000/s,burst=100000", "6000000/min,burst=100000", "360000000/h,burst=100000"];
const QUOTA: &str = "1000000000/day";
const RATIO_MIN: f64 = 0.8;
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Args)]
pub struct DrainBench {
    /// Messages of each round.
    #[arg(long, default_value_t = 6_000, value_parser = clap::value_parser!(u32).range(1_000..=1_000_000))]
    messages: u32,
    /// With and without limits, in turn; the median counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=20))]
    alternations: u32,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

impl DrainBench {
    pub async fn run(&self) -> anyhow::Result<BenchResult> {
        Stack::with(&PLAN, async |stack| self.alternate(stack).await).await
    }

    async fn alternate(&self, stack: &Stack) -> anyhow::Result<BenchResult> {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        // Connections, caches and the measured drain are those of a fleet at work.
        self.round(stack).await?;
        for at in 1..=self.alternations {
            set(stack, &[]).await?;
            without.push(self.round(stack).await?);
            set(stack, OUT_OF_REACH).await?;
            with.push(self.round(stack).await?);
            eprintln!("{at}: {:.0}/s with limits, {:.0}/s without", with[with.len() - 1], without[without.len() - 1]);
        }
        let ratios: Vec<f64> = with.iter().zip(&without).map(|(with, without)| with / without).collect();
        let ratio = median(&ratios);
        let answer = json!({
            "ratio": rounded(ratio),
            "with_per_s": median(&with).round(),
            "without_per_s": median(&without).round(),
            "ratios": ratios.iter().map(|ratio| rounded(*ratio)).collect::<Vec<_>>(),
        });
        Ok(BenchResult { answer, holds: ratio >= RATIO_MIN })
    }

    /// Messages a second from the moment all are due until the last is accepted.
    async fn round(&self, stack: &Stack) -> anyhow::Result<f64> {
        let each = self.messages as usize / stack.senders.len();
        let prepared_within = TimeDelta::milliseconds(3_000 + i64::from(self.messages) / 2);
        all_due_at_once(stack, &stack.senders, each, prepared_within).await?;
        let since = Instant::now();
        let open = "SELECT count(*) FROM message_runs WHERE state IN ('scheduled', 'queued', 'committing')";
        anyhow::ensure!(until_count(stack, open, 0, PATIENCE).await?, "the messages did not all leave");
        Ok((each * stack.senders.len()) as f64 / since.elapsed().as_secs_f64())
    }
}

/// Sets every scope's limits, and waits until they hold everywhere.
async fn set(stack: &Stack, limits: &[&str]) -> anyhow::Result<()> {
    let with_quota: Vec<&str> = limits.iter().copied().chain((!limits.is_empty()).then_some(QUOTA)).collect();
    stack.limit(LimitTarget::Global, limits).await?;
    let mut tenants: Vec<_> = stack.senders.iter().map(|sender| sender.tenant).collect();
    tenants.dedup();
    for tenant in tenants {
        stack.limit(LimitTarget::Tenant(tenant), &with_quota).await?;
        stack.limit(LimitTarget::Domains(tenant), limits).await?;
        stack.limit(LimitTarget::Senders(tenant), &with_quota).await?;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(())
}
