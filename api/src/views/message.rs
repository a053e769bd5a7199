use chrono::{DateTime, Utc};
use domain::ids::{AttemptId, ContentId, MessageId, SenderId, WorkerId};
use domain::messages::wait::Waiting;
use domain::messages::{MessageState, Priority};
use serde::Serialize;
use serde_json::{Value, json};
use store::messages::{AttemptView, Enqueued, MessageSummary, MessageView};
use utoipa::ToSchema;

use crate::ApiError;
use crate::error::{ErrorBody, ErrorDetail};

/// A message was stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct AcceptedView {
    id: MessageId,
    state: MessageState,
    /// Its dedupe key was seen before: this is the first message.
    existing: bool,
}

impl From<Enqueued> for AcceptedView {
    fn from(stored: Enqueued) -> Self {
        Self { id: stored.id, state: stored.state, existing: stored.existing }
    }
}

/// Results in the order of the batch.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchView {
    pub data: Vec<BatchItemView>,
}

/// One message of a batch: stored, or refused with an error.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchItemView {
    /// Its place in the batch.
    index: usize,
    #[serde(flatten)]
    result: BatchResult,
}

/// Why nothing of a batch was stored: the batch cannot be read, or each of its messages was refused.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes two forms of an answer")]
pub enum BatchRefusal {
    Unread(ErrorBody),
    Refused(BatchView),
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum BatchResult {
    Accepted(AcceptedView),
    Refused { error: ErrorDetail },
}

impl BatchItemView {
    pub fn accepted(index: usize, stored: Enqueued) -> Self {
        Self { index, result: BatchResult::Accepted(stored.into()) }
    }

    pub fn refused(index: usize, error: &ApiError) -> Self {
        Self { index, result: BatchResult::Refused { error: error.detail() } }
    }
}

/// What a list shows of a message; `GET /v1/messages/{id}` shows all of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessageItem {
    id: MessageId,
    sender: SenderId,
    to: String,
    tags: Vec<String>,
    priority: Priority,
    state: MessageState,
    /// When it is or was due.
    run_at: DateTime<Utc>,
    tries: i16,
    last_class: Option<String>,
    last_error: Option<String>,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

impl From<MessageSummary> for MessageItem {
    fn from(message: MessageSummary) -> Self {
        Self {
            id: message.id,
            sender: message.sender,
            to: message.to_address,
            tags: message.tags,
            priority: message.priority,
            state: message.state,
            run_at: message.run_at,
            tries: message.tries,
            last_class: message.last_class,
            last_error: message.last_error,
            created_at: message.created_at,
            finished_at: message.finished_at,
        }
    }
}

/// A message and its history.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessageBody {
    id: MessageId,
    sender: SenderId,
    /// The template it is made of.
    content: ContentId,
    to: String,
    reply_to: Option<String>,
    #[schema(value_type = Object)]
    headers: Value,
    tags: Vec<String>,
    #[schema(value_type = Object)]
    data: Value,
    priority: Priority,
    state: MessageState,
    /// When it is or was due.
    run_at: DateTime<Utc>,
    tries: i16,
    last_class: Option<String>,
    last_error: Option<String>,
    uncertain_cause: Option<String>,
    created_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
    /// Why it is not sent yet; null once it is over.
    waiting: Option<Waiting>,
    attempts: Vec<AttemptBody>,
}

#[derive(Debug, Serialize, ToSchema)]
struct AttemptBody {
    at: DateTime<Utc>,
    attempt: Option<AttemptId>,
    worker: Option<WorkerId>,
    outcome: String,
    phase: Option<String>,
    class: Option<String>,
    reply: Option<String>,
}

impl MessageBody {
    pub fn new(message: MessageView, waiting: Option<Waiting>) -> Self {
        Self {
            id: message.id,
            sender: message.sender,
            content: message.content,
            to: message.to_address,
            reply_to: message.reply_to,
            headers: message.headers.unwrap_or_else(|| json!({})),
            tags: message.tags,
            data: message.data.unwrap_or_else(|| json!({})),
            priority: message.priority,
            state: message.state,
            run_at: message.run_at,
            tries: message.tries,
            last_class: message.last_class,
            last_error: message.last_error,
            uncertain_cause: message.uncertain_cause,
            created_at: message.created_at,
            finished_at: message.finished_at,
            waiting,
            attempts: message.attempts.into_iter().map(AttemptBody::from).collect(),
        }
    }
}

impl From<AttemptView> for AttemptBody {
    fn from(attempt: AttemptView) -> Self {
        Self {
            at: attempt.at,
            attempt: attempt.attempt,
            worker: attempt.worker,
            outcome: attempt.outcome,
            phase: attempt.phase,
            class: attempt.class,
            reply: attempt.reply,
        }
    }
}
