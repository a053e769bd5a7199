use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use domain::ids::{JobId, MessageId, TenantId};
use domain::messages::draft::NewMessage;
use domain::messages::{Content, MessageState};
use sqlx::types::Json;
use uuid::Uuid;

use super::{Messages, parse_state};
use crate::Result;
use crate::answered::answered;

/// A message to be accepted. With a job it commits as `queued`: room for it was reserved in Redis.
#[derive(Debug, Clone)]
pub struct EnqueueRow {
    pub id: MessageId,
    pub message: NewMessage,
    pub dedupe_hash: Option<[u8; 32]>,
    pub job: Option<JobId>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enqueued {
    pub id: MessageId,
    pub state: MessageState,
    /// The dedupe key was seen before: `id` and `state` are the first message's.
    pub existing: bool,
}

/// For messages none of which was asked for before: a dedupe key that was refuses the statement as a whole, and before a
/// run is written. Postgres writes and locks less where it need not be ready for a conflict.
const FRESH: &str = concat!(
    include_str!("enqueue_messages.sql"),
    "    RETURNING id\n)\n",
    include_str!("enqueue_runs.sql"),
    "WHERE (SELECT count(*) FROM stored) > 0 RETURNING message_id, state",
);
/// Passes over those that were.
const WATCHFUL: &str = concat!(
    include_str!("enqueue_messages.sql"),
    "    ON CONFLICT (tenant_id, dedupe_hash) WHERE dedupe_hash IS NOT NULL DO NOTHING\n    RETURNING id\n)\n",
    include_str!("enqueue_runs.sql"),
    "WHERE a.id IN (SELECT id FROM stored) RETURNING message_id, state",
);

/// A concurrent insert of the same key may be rolled back between our two statements; then we simply try again.
const ROUNDS_MAX: usize = 5;

impl Messages<'_> {
    /// Stores messages, their contents and their runs in one statement, and answers for each in order. When this
    /// returns, they are durable.
    pub async fn enqueue_messages(&self, tenant: TenantId, rows: &[EnqueueRow]) -> Result<Vec<Enqueued>> {
        let mut answers: Vec<Option<Enqueued>> = vec![None; rows.len()];
        for _ in 0..ROUNDS_MAX {
            let open: Vec<usize> = (0..rows.len()).filter(|at| answers[*at].is_none()).collect();
            if open.is_empty() {
                break;
            }
            let mut asked: Vec<&EnqueueRow> = open.iter().map(|at| &rows[*at]).collect();
            asked.sort_by_key(|row| row.dedupe_hash);
            let inserted = self.insert(tenant, &asked).await?;
            let hashes: Vec<&[u8]> = asked
                .iter()
                .filter(|row| !inserted.contains_key(&row.id))
                .filter_map(|row| row.dedupe_hash.as_ref().map(|hash| &hash[..]))
                .collect();
            let existing =
                if hashes.is_empty() { HashMap::new() } else { self.by_dedupe_hash(tenant, &hashes).await? };
            for at in open {
                let row = &rows[at];
                answers[at] = match inserted.get(&row.id) {
                    Some(state) => Some(Enqueued { id: row.id, state: *state, existing: false }),
                    None => row.dedupe_hash.and_then(|hash| existing.get(&hash[..])).map(|(id, state)| Enqueued {
                        id: *id,
                        state: *state,
                        existing: true,
                    }),
                };
            }
        }
        answers
            .into_iter()
            .map(|answer| answer.ok_or_else(|| crate::StoreError::Unavailable(sqlx::Error::RowNotFound)))
            .collect()
    }

    async fn insert(&self, tenant: TenantId, rows: &[&EnqueueRow]) -> Result<HashMap<MessageId, MessageState>> {
        if !self.repeating.knows(tenant, Instant::now()) {
            match self.ask(FRESH, tenant, rows).await {
                Err(error) if error.breaks("messages_dedupe") => {}
                answer => return answer,
            }
        }
        let inserted = self.ask(WATCHFUL, tenant, rows).await?;
        if inserted.len() < rows.len() {
            self.repeating.note(tenant, Instant::now());
        }
        Ok(inserted)
    }

    async fn ask(
        &self,
        statement: &'static str,
        tenant: TenantId,
        rows: &[&EnqueueRow],
    ) -> Result<HashMap<MessageId, MessageState>> {
        let content_ids = content_ids(tenant, rows);
        // Ordered by id: two statements that insert the same contents must not wait for each other in a ring.
        let contents: BTreeMap<Uuid, &Content> =
            content_ids.iter().copied().zip(rows.iter().map(|row| &*row.message.content)).collect();
        let inserted: Vec<(Uuid, String)> = answered!(
            self.pool,
            sqlx::query_as(statement)
                .bind(tenant.uuid())
                .bind(contents.keys().copied().collect::<Vec<_>>())
                .bind(contents.values().map(|content| content.subject.as_str()).collect::<Vec<_>>())
                .bind(contents.values().map(|content| content.html.as_deref()).collect::<Vec<_>>())
                .bind(contents.values().map(|content| content.text.as_deref()).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.id.uuid()).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.message.sender.uuid()).collect::<Vec<_>>())
                .bind(&content_ids)
                .bind(rows.iter().map(|row| row.message.to.as_str()).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.message.to.suppression_key()).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.message.reply_to.as_ref().map(|to| to.as_str())).collect::<Vec<_>>())
                .bind(each(rows, |message| (!message.headers.is_empty()).then_some(Json(&message.headers))))
                .bind(each(rows, |message| (!message.tags.is_empty()).then_some(Json(&message.tags))))
                .bind(each(rows, |message| (!message.data.is_empty()).then_some(Json(&message.data))))
                .bind(rows.iter().map(|row| row.dedupe_hash.as_ref().map(|hash| &hash[..])).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.message.priority.rank()).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.message.send_at).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.job.map(|job| job.uuid())).collect::<Vec<_>>())
                .bind(rows.iter().map(|row| row.message.to.domain().to_ascii_lowercase()).collect::<Vec<_>>()),
            fetch_all
        );
        inserted.into_iter().map(|(id, state)| Ok((MessageId(id), parse_state(&state)?))).collect()
    }

    async fn by_dedupe_hash(
        &self,
        tenant: TenantId,
        hashes: &[&[u8]],
    ) -> Result<HashMap<Vec<u8>, (MessageId, MessageState)>> {
        let rows: Vec<(Vec<u8>, Uuid, String)> = answered!(
            self.pool,
            sqlx::query_as(
                "SELECT m.dedupe_hash, m.id, r.state FROM messages m JOIN message_runs r ON r.message_id = m.id
             WHERE m.tenant_id = $1 AND m.dedupe_hash = ANY($2)",
            )
            .bind(tenant.uuid())
            .bind(hashes),
            fetch_all
        );
        rows.into_iter().map(|(hash, id, state)| Ok((hash, (MessageId(id), parse_state(&state)?)))).collect()
    }
}

fn each<'a, T>(rows: &[&'a EnqueueRow], part: fn(&'a NewMessage) -> Option<T>) -> Vec<Option<T>> {
    rows.iter().map(|row| part(&row.message)).collect()
}

/// In the order of the rows. Many may name one content: it is hashed once.
fn content_ids(tenant: TenantId, rows: &[&EnqueueRow]) -> Vec<Uuid> {
    let mut known: HashMap<*const Content, Uuid> = HashMap::new();
    let id = |row: &&EnqueueRow| {
        let content = &row.message.content;
        *known.entry(Arc::as_ptr(content)).or_insert_with(|| content.id(tenant).uuid())
    };
    rows.iter().map(id).collect()
}
