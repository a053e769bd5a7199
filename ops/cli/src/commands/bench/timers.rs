use std::time::{Duration, Instant};

use clap::Args;
use domain::ids::{CampaignId, EnrollmentId, MessageId, TenantId};
use futures::{StreamExt, TryStreamExt, stream};
use reqwest::Client;
use runtime::Ids;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use store::enrollments::{EnrollAnswer, NewEnrollment};
use testkit::Build;

use super::BenchResult;
use super::cost::Meter;
use super::statistics::{quantile, rounded};
use crate::stack::{Stack, StackPlan};

const PLAN: StackPlan = StackPlan {
    label: "bench-timers",
    tenants: 1,
    senders_per_tenant: 1,
    connections_per_sender: 2,
    sink_answers_after_ms: 0,
    workers: 0,
    supervised: false,
};
const BATCH: u32 = 1_000;
const LANES: usize = 2;
/// From an acceptance to its first timer: all acceptances must have been told by then.
const FIRST_AFTER: Duration = Duration::from_secs(150);
const CONVERSIONS: u32 = 500;
const CONVERSIONS_AT_ONCE: usize = 8;
const LATE_P95_S: f64 = 2.0;
const STOPPED_P99_S: f64 = 1.0;
/// Without any progress for so long, the run has failed.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Args)]
pub struct TimersBench {
    /// Enrollments, each with two timers.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..=1_000_000))]
    enrollments: u32,
    /// Timers that become due in a second.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(10..=20_000))]
    per_second: u32,
    /// Worker processes.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=16))]
    workers: u32,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

impl TimersBench {
    pub async fn run(&self) -> anyhow::Result<BenchResult> {
        Stack::with(&PLAN, async |stack| self.measure(stack).await).await
    }

    async fn measure(&self, stack: &mut Stack) -> anyhow::Result<BenchResult> {
        let (tenant, key) = (stack.senders[0].tenant, stack.senders[0].key.clone());
        let mut connection = PgConnection::connect(&stack.stores.database_url).await?;
        // Nothing is to leave: mail is measured elsewhere.
        stack.stores.store.senders().pause(tenant, stack.senders[0].id, "bench", "timers are measured").await?;
        let campaign = self.campaign(stack, tenant).await?;
        let begun = Instant::now();
        enroll(stack, tenant, campaign, 0..self.enrollments).await?;
        let enrolled_per_s = f64::from(self.enrollments) / begun.elapsed().as_secs_f64();
        eprintln!("enrolled {} at {enrolled_per_s:.0} a second", self.enrollments);
        let each = 2.0 / f64::from(self.per_second);
        accept(&mut connection, each).await?;

        let (begun, before) = (Instant::now(), Meter::read(stack).await?);
        for _ in 0..self.workers {
            stack.start_worker()?;
        }
        until(&mut connection, "SELECT count(*) FROM timers WHERE kind = 'accepted' AND state <> 'done'").await?;
        let told_per_s = f64::from(self.enrollments) / begun.elapsed().as_secs_f64();
        anyhow::ensure!(
            begun.elapsed() < FIRST_AFTER,
            "acceptances were told at {told_per_s:.0} a second: too slow for the rest"
        );
        eprintln!("told their acceptances at {told_per_s:.0} a second");
        until(&mut connection, "SELECT count(*) FROM enrollments WHERE state = 'active'").await?;
        let cost = Meter::read(stack).await?.since(&before, u64::from(self.enrollments) * 3);
        // Patience ends at the instant of its node's no_open: whichever is told first leads on.
        let late: Vec<f64> = sqlx::query_scalar(
            "SELECT extract(epoch FROM min(finished_at) - due)::float8 FROM timers
             WHERE state = 'done' AND kind <> 'accepted' GROUP BY enrollment_id, visit, due",
        )
        .fetch_all(&mut connection)
        .await?;
        anyhow::ensure!(late.len() as u32 == 2 * self.enrollments, "{} timers were told", late.len());
        let (late_p50, late_p95) = (quantile(&late, 0.5), quantile(&late, 0.95));
        eprintln!("timers were late by {late_p50:.2} s, p95 {late_p95:.2} s");
        let stopped = conversions(stack, &key, tenant, campaign).await?;
        let stopped_p99 = quantile(&stopped, 0.99);
        let answer = json!({
            "enrollments": self.enrollments,
            "timers": late.len(),
            "per_second": self.per_second,
            "enrolled_per_s": enrolled_per_s.round(),
            "acceptances_told_per_s": told_per_s.round(),
            "late_s": {"p50": rounded(late_p50), "p95": rounded(late_p95), "p99": rounded(quantile(&late, 0.99))},
            "conversion_to_stopped_s": {"p50": rounded(quantile(&stopped, 0.5)), "p99": rounded(stopped_p99)},
            "cost": cost,
        });
        Ok(BenchResult { answer, holds: late_p95 < LATE_P95_S && stopped_p99 < STOPPED_P99_S })
    }

    async fn campaign(&self, stack: &Stack, tenant: TenantId) -> anyhow::Result<CampaignId> {
        let first = json!([{"on": "no_open", "to": "wait", "after": format!("PT{}S", FIRST_AFTER.as_secs())}]);
        let wait = json!({"id": "wait", "action": "wait", "schedule": {"delay": "PT30S"},
            "transitions": [{"on": "elapsed", "to": "end"}]});
        let nodes = json!([Build::sends("first", first), wait, {"id": "end", "action": "stop"}]);
        Build::new(&stack.stores.store).campaign(tenant, stack.senders[0].id, nodes).await
    }
}

async fn enroll(
    stack: &Stack,
    tenant: TenantId,
    campaign: CampaignId,
    numbers: std::ops::Range<u32>,
) -> anyhow::Result<()> {
    let (store, ids, build) = (&stack.stores.store, Ids::system(), Build::new(&stack.stores.store));
    stream::iter(numbers.clone().step_by(BATCH as usize))
        .map(|from| {
            let asked: Vec<NewEnrollment> = (from..(from + BATCH).min(numbers.end))
                .map(|at| build.enrollment(&format!("r{at}@recipients.example")))
                .collect();
            let ids = ids.clone();
            async move {
                let next: &(dyn Fn() -> MessageId + Sync) = &|| ids.next();
                let enrolled = store.enrollments().enroll(tenant, campaign, &asked, next).await?;
                let (answers, _) = enrolled.map_err(|why| anyhow::anyhow!("{why:?}"))?;
                let all = answers.iter().all(|answer| matches!(answer, EnrollAnswer::Enrolled { .. }));
                anyhow::ensure!(all, "somebody was not enrolled");
                anyhow::Ok(())
            }
        })
        .buffer_unordered(LANES)
        .try_collect()
        .await
}

/// As if every first mail had been accepted, one after the other from now on, so far apart.
async fn accept(connection: &mut PgConnection, each_s: f64) -> anyhow::Result<()> {
    sqlx::query(
        "UPDATE message_runs SET state = 'accepted', attempt_id = gen_random_uuid(), worker_id = gen_random_uuid(),
                committed_at = now(), commit_deadline = now(), accepted_at = now(), finished_at = now(), wait_key = ''
         WHERE state = 'scheduled'",
    )
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE timers t SET due = now() + make_interval(secs => n.place * $1)
         FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM timers WHERE kind = 'accepted') n WHERE t.id = n.id",
    )
    .bind(each_s)
    .execute(&mut *connection)
    .await?;
    sqlx::query("ANALYZE").execute(connection).await?;
    Ok(())
}

async fn until(connection: &mut PgConnection, left: &'static str) -> anyhow::Result<()> {
    let (mut before, mut moved) = (i64::MAX, Instant::now());
    loop {
        let now: i64 = sqlx::query_scalar(left).fetch_one(&mut *connection).await?;
        if now == 0 {
            return Ok(());
        }
        if now < before {
            (before, moved) = (now, Instant::now());
        }
        // The first timers are due only a while after everything is told.
        anyhow::ensure!(moved.elapsed() < FIRST_AFTER + PATIENCE, "{now} are left");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Seconds from the request that tells a conversion to the answer: nothing of the contact can be committed after it.
async fn conversions(stack: &Stack, key: &str, tenant: TenantId, campaign: CampaignId) -> anyhow::Result<Vec<f64>> {
    let (http, url) = (Client::new(), format!("{}/v1/events", stack.api_url()));
    enroll(stack, tenant, campaign, 10_000_000..10_000_000 + CONVERSIONS).await?;
    let mut connection = PgConnection::connect(&stack.stores.database_url).await?;
    let ids: Vec<uuid::Uuid> =
        sqlx::query_scalar("SELECT id FROM enrollments WHERE state = 'active'").fetch_all(&mut connection).await?;
    let tell = |id: uuid::Uuid| {
        let request = http.post(&url).header("x-api-key", key);
        let request = request.json(&json!({"type": "conversion", "enrollment_id": EnrollmentId(id)}));
        async move {
            let since = Instant::now();
            let told: Value = request.send().await?.error_for_status()?.json().await?;
            anyhow::ensure!(told["messages_canceled"] == 1, "{told}");
            Ok(since.elapsed().as_secs_f64())
        }
    };
    stream::iter(ids.into_iter().map(tell)).buffer_unordered(CONVERSIONS_AT_ONCE).try_collect().await
}
