use std::time::Duration;

use chrono::TimeDelta;
use clap::Args;
use domain::limits::LimitTarget;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use testkit::sink::{Action, Moment};
use testkit::{Sink, SinkOptions};

use super::BenchResult;
use super::load::{Load, all_due_at_once, until_accepted, waits};
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
        // A server of its own that never says a word.
        let hung = Sink::start_with(&SinkOptions::default())?;
        hung.rule(Moment::Connect, None, None, Action::Hang)?;
        Stack::with(&PLAN, async |stack| self.alternate(stack, &hung).await).await
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
            stack.stores.store.senders().pause(sender.tenant, sender.id, "bench", "a round without it").await?;
            Load { sender, count: TROUBLED, domain: &domain, send_at: None }.enqueue(stack).await?;
        }
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for at in 1..=self.alternations {
            hold_back(stack, &troubled, true).await?;
            without.push(self.round(stack, &healthy).await?);
            hold_back(stack, &troubled, false).await?;
            for (tenant, sender) in [(owners[0].0, exhausted), (owners[1].0, hangs)] {
                stack.stores.store.senders().resume(tenant, sender, true).await?;
            }
            with.push(self.round(stack, &healthy).await?);
            for (tenant, sender) in [(owners[0].0, exhausted), (owners[1].0, hangs), (owners[2].0, paused)] {
                stack.stores.store.senders().pause(tenant, sender, "bench", "a round without it").await?;
                stack.stores.store.messages().recall_queued(tenant, Some(sender)).await?;
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
        let due = all_due_at_once(stack, healthy, MESSAGES, TimeDelta::milliseconds(2_500)).await?;
        until_accepted(stack, due, healthy.len() * MESSAGES, PATIENCE).await?;
        let mut tenants: Vec<_> = healthy.iter().map(|sender| sender.tenant).collect();
        tenants.dedup();
        Ok(quantile(&waits(stack, &tenants, due).await?, 0.99))
    }
}

/// Whether the troubled senders' rows are due: without trouble, not even the paused one's are.
async fn hold_back(stack: &Stack, troubled: &[StackSender], held: bool) -> anyhow::Result<()> {
    let senders: Vec<_> = troubled.iter().map(|sender| sender.id.uuid()).collect();
    let mut connection = PgConnection::connect(&stack.stores.database_url).await?;
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
