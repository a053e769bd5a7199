use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use domain::ids::TenantId;
use queue::{Keys, LaneName, QueueLink};
use sqlx::{Connection, PgConnection};
use store::messages::EnqueueRow;
use testkit::Build;

use crate::stack::{Stack, StackSender};

const BATCH: usize = 1_000;

/// Messages of one sender, straight into Postgres: a bench of the limits is none of the API.
pub struct Load<'a> {
    pub sender: &'a StackSender,
    pub count: usize,
    /// The recipient domain of the n-th.
    pub domain: &'a dyn Fn(usize) -> String,
    pub send_at: Option<DateTime<Utc>>,
}

impl Load<'_> {
    pub async fn enqueue(&self, stack: &Stack) -> anyhow::Result<()> {
        let build = Build::new(&stack.stores.store);
        for from in (0..self.count).step_by(BATCH) {
            let row = |at: usize| {
                let mut row = build.message(self.sender.id, &format!("person{at}@{}", (self.domain)(at)));
                row.message.send_at = self.send_at;
                row
            };
            let rows: Vec<EnqueueRow> = (from..(from + BATCH).min(self.count)).map(row).collect();
            stack.stores.store.messages().enqueue_messages(self.sender.tenant, &rows).await?;
        }
        Ok(())
    }
}

/// As many messages of each sender, to fifty domains, all due at one moment: answers it when it has come, and the feeder
/// was told.
pub async fn all_due_at_once(
    stack: &Stack,
    senders: &[StackSender],
    each: usize,
    prepared_within: TimeDelta,
) -> anyhow::Result<DateTime<Utc>> {
    let due = database_now(stack).await? + prepared_within;
    for sender in senders {
        let domain = |n: usize| format!("d{}.example", n % 50);
        Load { sender, count: each, domain: &domain, send_at: Some(due) }.enqueue(stack).await?;
    }
    let queue = QueueLink::connect(&stack.stores.services.redis_url, Keys::with_tag(&stack.stores.redis_tag))?;
    let left = (due - database_now(stack).await?).to_std();
    tokio::time::sleep(left.map_err(|_| anyhow::anyhow!("enqueueing took too long"))?).await;
    let lanes: Vec<LaneName> =
        senders.iter().map(|sender| LaneName { tenant: sender.tenant, sender: sender.id }).collect();
    queue.ring(&lanes).await?;
    Ok(due)
}

/// Waits until so many of those that became due at this moment are accepted.
pub async fn until_accepted(
    stack: &Stack,
    due: DateTime<Utc>,
    wanted: usize,
    patience: Duration,
) -> anyhow::Result<()> {
    let at = due.to_rfc3339_opts(SecondsFormat::Micros, true);
    let sql = format!("SELECT count(*) FROM message_runs WHERE state = 'accepted' AND run_at = '{at}'");
    anyhow::ensure!(until_count(stack, &sql, wanted as i64, patience).await?, "the messages did not all leave");
    Ok(())
}

/// Waits until a count of rows is what it should be; answers whether it came to that.
pub async fn until_count(stack: &Stack, sql: &str, wanted: i64, patience: Duration) -> anyhow::Result<bool> {
    let mut connection = PgConnection::connect(&stack.stores.database_url).await?;
    let since = Instant::now();
    while since.elapsed() < patience {
        let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut connection).await?;
        if count == wanted {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(false)
}

/// Seconds from being due to being accepted, of each accepted message of these tenants that became due since.
pub async fn waits(stack: &Stack, tenants: &[TenantId], since: DateTime<Utc>) -> anyhow::Result<Vec<f64>> {
    let mut connection = PgConnection::connect(&stack.stores.database_url).await?;
    let tenants: Vec<_> = tenants.iter().map(|tenant| tenant.uuid()).collect();
    Ok(sqlx::query_scalar(
        "SELECT extract(epoch FROM accepted_at - run_at)::float8 FROM message_runs
         WHERE state = 'accepted' AND tenant_id = ANY($1) AND run_at >= $2",
    )
    .bind(&tenants)
    .bind(since)
    .fetch_all(&mut connection)
    .await?)
}

pub async fn database_now(stack: &Stack) -> anyhow::Result<DateTime<Utc>> {
    Ok(stack.stores.store.fleet().state().await?.now)
}
