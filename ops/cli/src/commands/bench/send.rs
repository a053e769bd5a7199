use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clap::Args;
use domain::ids::TenantId;
use domain::limits::LimitTarget;
use serde_json::json;

use super::BenchResult;
use super::bulk::{Bulk, add_finished};
use super::cost::{Meter, RedisPeak};
use super::http_load::ensure_loopback;
use super::load::{database_now, waits};
use super::statistics::{quantile, rounded};
use crate::stack::{Stack, StackPlan};

const PLAN: StackPlan = StackPlan {
    label: "bench-send",
    tenants: 0,
    senders_per_tenant: 0,
    connections_per_sender: 0,
    sink_answers_after_ms: 0,
    workers: 0,
    supervised: false,
};
/// Active in all four scopes, and none of them in reach.
const OUT_OF_REACH: &[&str] = &["60000000/min,burst=1000000", "1000000000/h,burst=1000000"];
const QUOTA: &str = "1000000000/day";
/// Without any progress for so long, the run has failed.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[derive(Args)]
pub struct SendBench {
    /// Messages to enqueue and to send.
    #[arg(long, default_value_t = 40_000, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    messages: u32,
    /// Accounts they leave from, all of one tenant.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    senders: u32,
    /// SMTP connections that each account may have.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    connections: u32,
    /// Worker processes.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=16))]
    workers: u32,
    /// The server that takes the mail (loopback only); by default a sink of our own, which syncs every mail to disk.
    #[arg(long)]
    smtp: Option<SocketAddr>,
    /// More messages that are due and are still waiting when those above have left.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    backlog: u32,
    /// Messages that were sent long ago.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    finished: u32,
    /// Without limits, to see what they cost.
    #[arg(long)]
    no_limits: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

impl SendBench {
    pub async fn run(&self) -> anyhow::Result<BenchResult> {
        self.smtp.map(ensure_loopback).transpose()?;
        Stack::with(&PLAN, async |stack| self.drain(stack).await).await
    }

    async fn drain(&self, stack: &mut Stack) -> anyhow::Result<BenchResult> {
        let (smtp, tenant) = (self.smtp.unwrap_or(stack.sink.smtp), stack.stores.create_tenant().await?);
        for _ in 0..self.senders {
            stack.create_sender(&tenant, smtp, self.connections).await?;
        }
        self.set_limits(stack, tenant.0).await?;

        if self.finished > 0 {
            add_finished(&stack.stores, &stack.senders, self.finished).await?;
        }
        let (messages, all) = (u64::from(self.messages), u64::from(self.messages) + u64::from(self.backlog));
        let (since, begun) = (database_now(stack).await?, Instant::now());
        Bulk { tenant: tenant.0, senders: &stack.senders, count: all }.enqueue(&stack.stores.store).await?;
        let enqueue_per_s = all as f64 / begun.elapsed().as_secs_f64();

        let (before, peak, begun) = (Meter::read(stack).await?, RedisPeak::watch(stack).await?, Instant::now());
        for _ in 0..self.workers {
            stack.start_worker()?;
        }
        let rounds = until_sent(stack, messages).await?;
        let took = begun.elapsed().as_secs_f64();
        let after = Meter::read(stack).await?;
        let waits = waits(stack, &[tenant.0], since).await?;
        let enough = if self.backlog == 0 { waits.len() as u64 == messages } else { waits.len() as u64 >= messages };
        anyhow::ensure!(enough, "{} of {messages} were accepted", waits.len());
        let mut answer = after.since(&before, messages);
        let figures = json!({
            "messages": messages,
            "backlog": self.backlog,
            "finished": self.finished,
            "senders": self.senders,
            "workers": self.workers,
            "sessions": self.senders * self.connections,
            "enqueue_per_s": enqueue_per_s.round(),
            "sent_per_s": (messages as f64 / took).round(),
            "sent_per_s_after_start": after_start(&rounds).round(),
            "due_to_accepted_s": {"p50": rounded(quantile(&waits, 0.5)), "p99": rounded(quantile(&waits, 0.99))},
            "redis_peak_bytes": peak.bytes(),
        });
        if let (Some(answer), Some(figures)) = (answer.as_object_mut(), figures.as_object()) {
            answer.extend(figures.clone());
        }
        Ok(BenchResult { answer, holds: true })
    }

    async fn set_limits(&self, stack: &Stack, tenant: TenantId) -> anyhow::Result<()> {
        let limits = if self.no_limits { &[] } else { OUT_OF_REACH };
        let with_quota: Vec<&str> = limits.iter().copied().chain((!self.no_limits).then_some(QUOTA)).collect();
        stack.limit(LimitTarget::Global, limits).await?;
        stack.limit(LimitTarget::Tenant(tenant), &with_quota).await?;
        stack.limit(LimitTarget::Domains(tenant), limits).await?;
        stack.limit(LimitTarget::Senders(tenant), &with_quota).await
    }
}

/// Waits until so many are accepted, as the workers count them; answers how many were at each look.
async fn until_sent(stack: &Stack, wanted: u64) -> anyhow::Result<Vec<(Instant, u64)>> {
    let mut rounds = vec![(Instant::now(), 0)];
    loop {
        let sent = sent(stack).await;
        let now = Instant::now();
        if rounds.last().is_none_or(|(_, before)| sent > *before) {
            rounds.push((now, sent));
        }
        if sent >= wanted {
            return Ok(rounds);
        }
        let idle = rounds.last().map_or(Duration::ZERO, |(at, _)| now - *at);
        anyhow::ensure!(idle < PATIENCE, "{sent} of {wanted} were sent, and no more for {PATIENCE:?}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// How many were accepted, as the workers count them.
pub async fn sent(stack: &Stack) -> u64 {
    let mut sent = 0;
    for worker in &stack.workers {
        // It may not listen yet.
        let Ok(scrape) = worker.scrape().await else { continue };
        sent += scrape.sum("postfleet_outcomes_total", "outcome=\"accepted\"") as u64;
    }
    sent
}

/// Messages a second between the first quarter and the end: without the start of the processes.
fn after_start(rounds: &[(Instant, u64)]) -> f64 {
    let Some((end, all)) = rounds.last() else { return 0.0 };
    let Some((from, before)) = rounds.iter().find(|(_, sent)| sent * 4 >= *all) else { return 0.0 };
    (all - before) as f64 / (*end - *from).as_secs_f64().max(f64::MIN_POSITIVE)
}
