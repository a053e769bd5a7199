use std::time::Duration;

use chrono::TimeDelta;
use clap::Args;
use domain::limits::LimitTarget;
use queue::{Keys, LaneName, QueueLink};
use serde_json::json;
use sqlx::{Connection, PgConnection};
use testkit::sink::{Action, Moment};
use testkit::{Sink, SinkOptions};

use super::BenchResult;
use super::load::{Load, database_now, until_count, waits};
use super::statistics::{median, quantile, rounded};
use crate::stack::{Stack, StackPlan, StackSender};

const PLAN: StackPlan = StackPlan {
    label: "bench-isolation",
    tenants: 3,
    senders_per_tenant: 3,
    connections_per_sender: 8,
    sink_answers_after_ms: 5,
    workers: 3,
    supervised: false,
};
const MESSAGES: usize = 200;
const TROUBLED: usize = 2_000;
/// What the others may send: far less than the fleet can, so that their wait is their limit's doing and nobody else's.
const HEALTHY: &str = "60/s,burst=10";
const CHANGE_MAX: f64 = 0.05;
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Args)]
pub struct IsolationBench {
    /// With and without trouble, in turn; the median counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=20))]
    alternations: u32,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

impl IsolationBench {
    pub async fn run(&self) -> anyhow::Result<BenchResult> {
        let mut stack = Stack::start(&PLAN).await?;
        // A server of its own that never says a word.
        let hung = Sink::start_with(&SinkOptions::default())?;
        hung.rule(Moment::Connect, None, None, Action::Hang)?;
        let ran = tokio::select! {
            biased;
            ran = self.alternate(&mut stack, &hung) => ran,
            _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
        };
        stack.stop().await?;
        ran
    }

    async fn alternate(&self, stack: &mut Stack, hung: &Sink) -> anyhow::Result<BenchResult> {
        let healthy = stack.senders.clone();
        for sender in &healthy {
            stack.limit(LimitTarget::Sender(sender.tenant, sender.id), &[HEALTHY]).await?;
        }
        // The troubled ones belong to the same tenants as the others.
        let owner = |sender: &StackSender| (sender.tenant, sender.key.clone());
        let owners = [owner(&healthy[0]), owner(&healthy[3]), owner(&healthy[6])];
        let exhausted = stack.create_sender(&owners[0], stack.sink.smtp, 8).await?;
        stack.limit(LimitTarget::Sender(owners[0].0, exhausted), &["1/h"]).await?;
        let hangs = stack.create_sender(&owners[1], hung.smtp, 8).await?;
        let paused = stack.create_sender(&owners[2], stack.sink.smtp, 8).await?;
        let troubled: Vec<StackSender> = stack.senders[healthy.len()..].to_vec();
        for sender in &troubled {
            let domain = |n: usize| format!("t{}.example", n % 10);
            stack.store.senders().pause(sender.tenant, sender.id, "bench", "a round without it").await?;
            Load { sender, count: TROUBLED, domain: &domain, send_at: None }.enqueue(stack).await?;
        }
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for at in 1..=self.alternations {
            hold_back(stack, &troubled, true).await?;
            without.push(self.round(stack, &healthy).await?);
            hold_back(stack, &troubled, false).await?;
            for (tenant, sender) in [(owners[0].0, exhausted), (owners[1].0, hangs)] {
                stack.store.senders().resume(tenant, sender, true).await?;
            }
            with.push(self.round(stack, &healthy).await?);
            for (tenant, sender) in [(owners[0].0, exhausted), (owners[1].0, hangs), (owners[2].0, paused)] {
                stack.store.senders().pause(tenant, sender, "bench", "a round without it").await?;
                stack.store.messages().recall_queued(tenant, Some(sender)).await?;
            }
            eprintln!(
                "{at}: p99 {:.3} s with trouble, {:.3} s without",
                with[with.len() - 1],
                without[without.len() - 1]
            );
        }
        let changes: Vec<f64> = with.iter().zip(&without).map(|(with, without)| with / without - 1.0).collect();
        let change = median(&changes);
        let answer = json!({
            "p99_change": rounded(change),
            "changes": changes.iter().map(|change| rounded(*change)).collect::<Vec<_>>(),
            "p99_s": rounded(median(&without)),
        });
        Ok(BenchResult { answer, holds: change <= CHANGE_MAX })
    }

    /// Messages of every healthy sender, all due at one moment: their p99 wait.
    async fn round(&self, stack: &Stack, healthy: &[StackSender]) -> anyhow::Result<f64> {
        let due = database_now(stack).await? + TimeDelta::milliseconds(2_500);
        for sender in healthy {
            let domain = |n: usize| format!("d{}.example", n % 50);
            Load { sender, count: MESSAGES, domain: &domain, send_at: Some(due) }.enqueue(stack).await?;
        }
        let queue = QueueLink::connect(&stack.services.redis_url, Keys::with_tag(&stack.redis_tag))?;
        tokio::time::sleep((due - database_now(stack).await?).to_std().unwrap_or_default()).await;
        let lanes: Vec<LaneName> =
            healthy.iter().map(|sender| LaneName { tenant: sender.tenant, sender: sender.id }).collect();
        queue.ring(&lanes).await?;
        let sql = format!(
            "SELECT count(*) FROM message_runs WHERE state = 'accepted' AND run_at = '{}'",
            due.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
        );
        let all = (healthy.len() * MESSAGES) as i64;
        anyhow::ensure!(
            until_count(stack, &sql, all, PATIENCE).await?,
            "the healthy senders' messages did not all leave"
        );
        let mut tenants: Vec<_> = healthy.iter().map(|sender| sender.tenant).collect();
        tenants.dedup();
        Ok(quantile(&waits(stack, &tenants, due).await?, 0.99))
    }
}

/// Whether the troubled senders' rows are due: without trouble, not even the paused one's are.
async fn hold_back(stack: &Stack, troubled: &[StackSender], held: bool) -> anyhow::Result<()> {
    let senders: Vec<_> = troubled.iter().map(|sender| sender.id.uuid()).collect();
    let mut connection = PgConnection::connect(&stack.database_url).await?;
    sqlx::query(
        "UPDATE message_runs SET run_at = now() + CASE WHEN $2 THEN interval '1 day' ELSE interval '0' END
         WHERE sender_id = ANY($1) AND state = 'scheduled'",
    )
    .bind(&senders)
    .bind(held)
    .execute(&mut connection)
    .await?;
    Ok(())
}
