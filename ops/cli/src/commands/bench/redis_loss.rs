use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use super::BenchResult;
use super::bulk::Bulk;
use super::cost::RedisPeak;
use super::http_load::ensure_loopback;
use super::send::sent;
use super::statistics::{median, rounded};
use crate::stack::{Stack, StackPlan};

const PLAN: StackPlan = StackPlan {
    label: "bench-redis-loss",
    tenants: 1,
    senders_per_tenant: 0,
    connections_per_sender: 0,
    sink_answers_after_ms: 0,
    workers: 2,
    supervised: false,
};
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Looks that the rate before and after is the median of.
const STEADY_LOOKS: usize = 20;
const WARM_UP: Duration = Duration::from_secs(3);
/// Back at so much of the rate before is back.
const FULL: f64 = 0.9;
const BACK_WITHIN_S: f64 = 5.0;
const PATIENCE: Duration = Duration::from_secs(60);
const REDIS_MAX_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Args)]
pub struct RedisLossBench {
    /// Messages that are pending when Redis is emptied.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(20_000..=10_000_000))]
    messages: u32,
    /// Accounts they leave from.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    senders: u32,
    /// SMTP connections that each account may have.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    connections: u32,
    /// The server that takes the mail (loopback only); by default a sink of our own.
    #[arg(long)]
    smtp: Option<SocketAddr>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

impl RedisLossBench {
    pub async fn run(&self) -> anyhow::Result<BenchResult> {
        self.smtp.map(ensure_loopback).transpose()?;
        Stack::with(&PLAN, async |stack| self.lose(stack).await).await
    }

    async fn lose(&self, stack: &mut Stack) -> anyhow::Result<BenchResult> {
        let (smtp, tenant) = (self.smtp.unwrap_or(stack.sink.smtp), stack.stores.create_tenant().await?);
        for _ in 0..self.senders {
            stack.create_sender(&tenant, smtp, self.connections).await?;
        }
        let peak = RedisPeak::watch(stack).await?;
        let count = u64::from(self.messages);
        Bulk { tenant: tenant.0, senders: &stack.senders, count }.enqueue(&stack.stores.store).await?;
        tokio::time::sleep(WARM_UP).await;
        let before = median(&rates(stack, STEADY_LOOKS).await?);

        stack.stores.empty_redis().await?;
        let lost = Instant::now();
        let mut last = (Instant::now(), sent(stack).await);
        let back_s = loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = (Instant::now(), sent(stack).await);
            if rate(last, now) >= before * FULL {
                break (last.0 - lost).as_secs_f64();
            }
            last = now;
            anyhow::ensure!(lost.elapsed() < PATIENCE, "the fleet did not come back to {before:.0}/s");
        };
        let after = median(&rates(stack, STEADY_LOOKS).await?);
        let answer = json!({
            "messages": self.messages,
            "before_per_s": before.round(),
            "after_per_s": after.round(),
            "full_rate_after_s": rounded(back_s),
            "redis_peak_bytes": peak.bytes(),
        });
        Ok(BenchResult { answer, holds: back_s <= BACK_WITHIN_S && peak.bytes() < REDIS_MAX_BYTES })
    }
}

/// Messages a second in so many looks.
async fn rates(stack: &Stack, looks: usize) -> anyhow::Result<Vec<f64>> {
    let (mut rates, mut last) = (Vec::new(), (Instant::now(), sent(stack).await));
    for _ in 0..looks {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = (Instant::now(), sent(stack).await);
        rates.push(rate(last, now));
        last = now;
    }
    anyhow::ensure!(rates.iter().any(|rate| *rate > 0.0), "nothing is being sent: more messages are needed");
    Ok(rates)
}

fn rate((from, before): (Instant, u64), (to, after): (Instant, u64)) -> f64 {
    after.saturating_sub(before) as f64 / (to - from).as_secs_f64()
}
