use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use domain::ids::TenantId;
use domain::limits::LimitTarget;
use serde_json::json;
use sqlx::{Connection, PgConnection};

use super::BenchResult;
use super::load::{Load, all_due_at_once, until_accepted, until_count, waits};
use super::statistics::{jain, median, quantile, rounded};
use crate::stack::{Stack, StackPlan, StackSender};

const PLAN: StackPlan = StackPlan {
    label: "bench-fairness",
    tenants: 10,
    senders_per_tenant: 1,
    connections_per_sender: 16,
    sink_answers_after_ms: 5,
    workers: 3,
    supervised: false,
};
const GLOBAL: &str = "200/s,burst=20";
const SMALL: usize = 100;
const JAIN_MIN: f64 = 0.95;
const RATIO_MAX: f64 = 1.2;
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Args)]
pub struct FairnessBench {
    /// Due messages of the big tenant.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1_000..=2_000_000))]
    big: u32,
    /// With and without the big tenant, in turn; the median counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=20))]
    alternations: u32,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// One run of the small tenants.
struct Round {
    p99: f64,
    jain: f64,
}

impl FairnessBench {
    pub async fn run(&self) -> anyhow::Result<BenchResult> {
        Stack::with(&PLAN, async |stack| self.alternate(stack).await).await
    }

    async fn alternate(&self, stack: &Stack) -> anyhow::Result<BenchResult> {
        let (big, small) = stack.senders.split_first().ok_or_else(|| anyhow::anyhow!("no senders"))?;
        stack.limit(LimitTarget::Global, &[GLOBAL]).await?;
        stack.stores.store.tenants().pause(big.tenant, "bench", "its backlog is prepared").await?;
        eprintln!("enqueueing {} messages of the big tenant …", self.big);
        let domain = |n: usize| format!("d{}.example", n % 50);
        Load { sender: big, count: self.big as usize, domain: &domain, send_at: None }.enqueue(stack).await?;

        let (mut with, mut without) = (Vec::new(), Vec::new());
        for at in 1..=self.alternations {
            without.push(self.round(stack, None, small).await?);
            stack.stores.store.tenants().resume(big.tenant, true).await?;
            with.push(self.round(stack, Some(big), small).await?);
            stack.stores.store.tenants().pause(big.tenant, "bench", "a round without it").await?;
            let in_hand = "SELECT count(*) FROM message_runs WHERE state IN ('queued', 'committing')";
            anyhow::ensure!(until_count(stack, in_hand, 0, PATIENCE).await?, "the fleet does not come to rest");
            let (mine, alone) = (&with[with.len() - 1], &without[without.len() - 1]);
            eprintln!("{at}: p99 {:.2} s with, {:.2} s without; Jain {:.3}", mine.p99, alone.p99, mine.jain);
        }
        let ratios: Vec<f64> = with.iter().zip(&without).map(|(with, without)| with.p99 / without.p99).collect();
        let jains: Vec<f64> = with.iter().map(|round| round.jain).collect();
        let (jain, ratio) = (median(&jains), median(&ratios));
        let answer = json!({
            "jain": rounded(jain),
            "small_p99_ratio": rounded(ratio),
            "ratios": ratios.iter().map(|ratio| rounded(*ratio)).collect::<Vec<_>>(),
            "big_due": self.big,
        });
        Ok(BenchResult { answer, holds: jain >= JAIN_MIN && ratio <= RATIO_MAX })
    }

    /// A hundred messages of each small tenant, all due at one moment.
    async fn round(&self, stack: &Stack, big: Option<&StackSender>, small: &[StackSender]) -> anyhow::Result<Round> {
        let due = all_due_at_once(stack, small, SMALL, TimeDelta::milliseconds(2_500)).await?;
        until_accepted(stack, due, small.len() * SMALL, PATIENCE).await?;
        let tenants: Vec<TenantId> = small.iter().map(|sender| sender.tenant).collect();
        let waited = waits(stack, &tenants, due).await?;
        let shares = shares_while_all_have_work(stack, due, small, big).await?;
        Ok(Round { p99: quantile(&waited, 0.99), jain: jain(&shares) })
    }
}

/// How many of each tenant were accepted from the moment all were due until the first had no work left.
async fn shares_while_all_have_work(
    stack: &Stack,
    due: DateTime<Utc>,
    small: &[StackSender],
    big: Option<&StackSender>,
) -> anyhow::Result<Vec<f64>> {
    let mut connection = PgConnection::connect(&stack.stores.database_url).await?;
    let big_tenant = big.map(|sender| sender.tenant.uuid());
    let first_empty: DateTime<Utc> = sqlx::query_scalar(
        "SELECT min(last) FROM (
             SELECT max(accepted_at) AS last FROM message_runs
             WHERE run_at = $1 AND state = 'accepted' GROUP BY tenant_id) ends",
    )
    .bind(due)
    .fetch_one(&mut connection)
    .await?;
    let counts: Vec<(uuid::Uuid, i64)> = sqlx::query_as(
        "SELECT tenant_id, count(*) FROM message_runs
         WHERE state = 'accepted' AND accepted_at BETWEEN $1 AND $2 AND (run_at = $1 OR tenant_id = $3)
         GROUP BY tenant_id",
    )
    .bind(due)
    .bind(first_empty)
    .bind(big_tenant)
    .fetch_all(&mut connection)
    .await?;
    let by_tenant: HashMap<uuid::Uuid, i64> = counts.into_iter().collect();
    // Who had nothing has a share as well: none.
    let of = |sender: &StackSender| by_tenant.get(&sender.tenant.uuid()).copied().unwrap_or(0) as f64;
    Ok(small.iter().chain(big).map(of).collect())
}
