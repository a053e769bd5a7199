use chrono::{DateTime, Utc};
use domain::ids::{AttemptId, ContentId, MessageId, SenderId, TenantId, WorkerId};
use domain::messages::{MessageState, Priority};
use serde_json::Value;
use uuid::Uuid;

use super::{Messages, parse_state};
use crate::{Result, StoreError};

/// A message as its owner sees it.
#[derive(Debug, Clone)]
pub struct MessageView {
    pub id: MessageId,
    pub sender: SenderId,
    pub content: ContentId,
    pub to_address: String,
    pub reply_to: Option<String>,
    pub headers: Option<Value>,
    pub tags: Vec<String>,
    pub data: Option<Value>,
    pub created_at: DateTime<Utc>,
    pub state: MessageState,
    pub priority: Priority,
    pub run_at: DateTime<Utc>,
    pub tries: i16,
    pub last_class: Option<String>,
    pub last_error: Option<String>,
    pub uncertain_cause: Option<String>,
    pub finished_at: Option<DateTime<Utc>>,
    pub attempts: Vec<AttemptView>,
}

/// One entry of a message's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptView {
    pub at: DateTime<Utc>,
    pub attempt: Option<AttemptId>,
    pub worker: Option<WorkerId>,
    pub outcome: String,
    pub phase: Option<String>,
    pub class: Option<String>,
    pub reply: Option<String>,
}

row! {
    struct Row {
        id: Uuid,
        sender_id: Uuid,
        content_id: Uuid,
        to_address: String,
        reply_to: Option<String>,
        headers: Option<Value>,
        tags: Option<Vec<String>>,
        data: Option<Value>,
        created_at: DateTime<Utc>,
        state: String,
        priority: i16,
        run_at: DateTime<Utc>,
        tries: i16,
        last_class: Option<String>,
        last_error: Option<String>,
        uncertain_cause: Option<String>,
        finished_at: Option<DateTime<Utc>>,
        attempt_id: Option<Uuid>,
        worker_id: Option<Uuid>,
        committed_at: Option<DateTime<Utc>>,
    }
}

row! {
    struct AttemptRow {
        at: DateTime<Utc>,
        attempt_id: Option<Uuid>,
        worker_id: Option<Uuid>,
        outcome: String,
        phase: Option<String>,
        class: Option<String>,
        reply: Option<String>,
    }
}

/// Entries of one message's history that are shown; a message has few tries.
const ATTEMPTS_SHOWN_MAX: i64 = 100;

impl Messages<'_> {
    pub async fn find_message(&self, tenant: TenantId, id: MessageId) -> Result<Option<MessageView>> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT m.id, m.sender_id, m.content_id, m.to_address, m.reply_to, m.headers, m.tags, m.data, m.created_at,
                    r.state, r.priority, r.run_at, r.tries, r.last_class, r.last_error, r.uncertain_cause,
                    r.finished_at, r.attempt_id, r.worker_id, r.committed_at
             FROM messages m JOIN message_runs r ON r.message_id = m.id
             WHERE m.tenant_id = $1 AND m.id = $2",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .fetch_optional(self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let attempts: Vec<AttemptRow> = sqlx::query_as(
            "SELECT at, attempt_id, worker_id, outcome, phase, class, reply FROM message_attempts
             WHERE tenant_id = $1 AND message_id = $2 ORDER BY at LIMIT $3",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .bind(ATTEMPTS_SHOWN_MAX)
        .fetch_all(self.pool)
        .await?;
        row.read(attempts).map(Some)
    }
}

impl Row {
    fn read(self, attempts: Vec<AttemptRow>) -> Result<MessageView> {
        let state = parse_state(&self.state)?;
        let mut attempts: Vec<AttemptView> = attempts.into_iter().map(AttemptRow::read).collect();
        attempts.extend(self.present_attempt(state));
        Ok(MessageView {
            id: MessageId(self.id),
            sender: SenderId(self.sender_id),
            content: ContentId(self.content_id),
            to_address: self.to_address,
            reply_to: self.reply_to,
            headers: self.headers,
            tags: self.tags.unwrap_or_default(),
            data: self.data,
            created_at: self.created_at,
            state,
            priority: Priority::from_rank(self.priority)
                .ok_or(StoreError::Unreadable { noun: "message_runs", column: "priority" })?,
            run_at: self.run_at,
            tries: self.tries,
            last_class: self.last_class,
            last_error: self.last_error,
            uncertain_cause: self.uncertain_cause,
            finished_at: self.finished_at,
            attempts,
        })
    }

    /// The attempt that the run itself records, so that the usual message writes no history row.
    fn present_attempt(&self, state: MessageState) -> Option<AttemptView> {
        let (outcome, at) = match state {
            MessageState::Accepted => ("accepted", self.finished_at?),
            MessageState::Committing => ("committing", self.committed_at?),
            _ => return None,
        };
        Some(AttemptView {
            at,
            attempt: self.attempt_id.map(AttemptId),
            worker: self.worker_id.map(WorkerId),
            outcome: outcome.to_owned(),
            phase: None,
            class: None,
            reply: self.last_error.clone(),
        })
    }
}

impl AttemptRow {
    fn read(self) -> AttemptView {
        AttemptView {
            at: self.at,
            attempt: self.attempt_id.map(AttemptId),
            worker: self.worker_id.map(WorkerId),
            outcome: self.outcome,
            phase: self.phase,
            class: self.class,
            reply: self.reply,
        }
    }
}
