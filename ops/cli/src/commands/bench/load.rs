use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use domain::address::Address;
use domain::ids::{MessageId, TenantId};
use domain::messages::draft::NewMessage;
use domain::messages::{Content, Priority};
use runtime::Ids;
use serde_json::Map;
use sqlx::{Connection, PgConnection};
use store::messages::EnqueueRow;

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
    pub async fn enqueue(&self, stack: &Stack) -> anyhow::Result<Vec<MessageId>> {
        let ids = Ids::system();
        let mut stored = Vec::with_capacity(self.count);
        for from in (0..self.count).step_by(BATCH) {
            let rows: Vec<EnqueueRow> =
                (from..(from + BATCH).min(self.count)).map(|at| self.row(&ids, at)).collect::<anyhow::Result<_>>()?;
            stored.extend(rows.iter().map(|row| row.id));
            stack.store.messages().enqueue_messages(self.sender.tenant, &rows).await?;
        }
        Ok(stored)
    }

    fn row(&self, ids: &Ids, at: usize) -> anyhow::Result<EnqueueRow> {
        let message = NewMessage {
            sender: self.sender.id,
            to: Address::parse(&format!("person{at}@{}", (self.domain)(at)))?,
            content: Content { subject: "Hello".to_owned(), html: None, text: Some("Hello there.".to_owned()) }.into(),
            data: Map::new(),
            headers: BTreeMap::new(),
            tags: Vec::new(),
            reply_to: None,
            send_at: self.send_at,
            dedupe_key: None,
            priority: Priority::Normal,
        };
        Ok(EnqueueRow { id: ids.next(), message, dedupe_hash: None, job: None })
    }
}

/// Waits until a count of rows is what it should be; answers whether it came to that.
pub async fn until_count(stack: &Stack, sql: &str, wanted: i64, patience: Duration) -> anyhow::Result<bool> {
    let mut connection = PgConnection::connect(&stack.database_url).await?;
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
    let mut connection = PgConnection::connect(&stack.database_url).await?;
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
    Ok(stack.store.fleet().state().await?.now)
}
