//! Many messages at once, straight into the store: what a batch of the API comes to without its HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use domain::address::Address;
use domain::ids::TenantId;
use domain::messages::draft::NewMessage;
use domain::messages::{Content, Priority};
use futures::{StreamExt, TryStreamExt, stream};
use runtime::Ids;
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::{Connection, PgConnection};
use store::Store;
use store::messages::EnqueueRow;

use crate::stack::{StackSender, Stores};

const BATCH: u64 = 1_000;
/// Statements under way at once.
const LANES: usize = 4;
const DOMAINS: u64 = 50;

pub struct Bulk<'a> {
    pub tenant: TenantId,
    pub senders: &'a [StackSender],
    pub count: u64,
}

impl Bulk<'_> {
    pub async fn enqueue(&self, store: &Store) -> anyhow::Result<()> {
        let (content, ids) = (Arc::new(content()), Ids::system());
        stream::iter((0..self.count).step_by(BATCH as usize))
            .map(|from| {
                let rows: anyhow::Result<Vec<EnqueueRow>> =
                    (from..(from + BATCH).min(self.count)).map(|at| self.row(at, &content, &ids)).collect();
                async move {
                    store.messages().enqueue_messages(self.tenant, &rows?).await?;
                    anyhow::Ok(())
                }
            })
            .buffer_unordered(LANES)
            .try_collect()
            .await
    }

    /// With a dedupe key, as a caller that may repeat itself gives one.
    fn row(&self, at: u64, content: &Arc<Content>, ids: &Ids) -> anyhow::Result<EnqueueRow> {
        let sender = &self.senders[at as usize % self.senders.len()];
        let data =
            [("name", "Ann".to_owned()), ("company", "Acme".to_owned()), ("u", format!("https://x.test/u/{at}"))];
        Ok(EnqueueRow {
            id: ids.next(),
            message: NewMessage {
                sender: sender.id,
                to: Address::parse(&format!("u{at}@d{}.test", at % DOMAINS))?,
                content: Arc::clone(content),
                data: data.map(|(name, value)| (name.to_owned(), Value::from(value))).into_iter().collect(),
                headers: BTreeMap::new(),
                tags: Vec::new(),
                reply_to: None,
                send_at: None,
                dedupe_key: None,
                priority: Priority::Normal,
            },
            dedupe_hash: Some(Sha256::digest(format!("m{at}")).into()),
            job: None,
        })
    }
}

/// Messages that were accepted long ago, as they stand in the table that is worked on.
pub async fn add_finished(stores: &Stores, senders: &[StackSender], count: u32) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(&stores.database_url).await?;
    let ids: Vec<_> = senders.iter().map(|sender| sender.id.uuid()).collect();
    let tenant = senders.first().context("a sender")?.tenant;
    sqlx::query(
        "INSERT INTO message_runs (message_id, tenant_id, sender_id, state, priority, run_at, tries, attempt_id, worker_id,
                                   committed_at, commit_deadline, accepted_at, finished_at, recipient_domain)
         SELECT gen_random_uuid(), $1, $2[1 + n % cardinality($2)], 'accepted', 1, at, 1, gen_random_uuid(),
                gen_random_uuid(), at, at, at, at, 'd.test'
         FROM generate_series(1, $3) n, LATERAL (SELECT postfleet_now() - make_interval(days => 30) AS at) past",
    )
    .bind(tenant.uuid())
    .bind(&ids)
    .bind(i64::from(count))
    .execute(&mut connection)
    .await?;
    // They were finished long ago: what is left to do with rows that have just come must not run beside the measured.
    sqlx::raw_sql("VACUUM (ANALYZE) message_runs").execute(&mut connection).await?;
    sqlx::raw_sql("CHECKPOINT").execute(&mut connection).await?;
    Ok(())
}

/// The mail that the pipeline it is compared with sends: about 1.5 kB of HTML.
pub fn content() -> Content {
    let lines = "<p>lorem ipsum dolor sit amet {{name}}</p>".repeat(30);
    let html = format!(
        "<p>Hi {{{{name}}}},</p><p>We noticed {{{{company}}}} ...</p>{lines}<p><a href=\"{{{{u}}}}\">Unsubscribe</a></p>"
    );
    Content { subject: "Hi {{name}}, about {{company}}".to_owned(), html: Some(html), text: None }
}
