use chrono::{DateTime, Utc};
use domain::ids::{MessageId, SenderId, TenantId};
use domain::messages::{MessageState, Priority};
use uuid::Uuid;

use super::{Messages, parse_state};
use crate::{Result, StoreError};

/// Messages of a tenant that one call looks at, where a filter has no index of its own.
const LOOKED_AT_MAX: i64 = 20_000;

/// Which messages of a tenant.
#[derive(Debug, Clone, Default)]
pub struct MessageFilter {
    pub state: Option<MessageState>,
    pub sender: Option<SenderId>,
    /// As `Address::suppression_key` gives it.
    pub to: Option<String>,
    pub tag: Option<String>,
    /// Created since, as an id of that moment.
    pub since: Option<MessageId>,
}

/// A message in a list.
#[derive(Debug, Clone)]
pub struct MessageSummary {
    pub id: MessageId,
    pub sender: SenderId,
    pub to_address: String,
    pub tags: Vec<String>,
    pub created_at: DateTime<Utc>,
    pub state: MessageState,
    pub run_at: DateTime<Utc>,
    pub tries: i16,
    pub priority: Priority,
    pub last_class: Option<String>,
    pub last_error: Option<String>,
    pub finished_at: Option<DateTime<Utc>>,
}

/// A page of them, and where the next one begins.
#[derive(Debug, Clone)]
pub struct MessagePage {
    pub messages: Vec<MessageSummary>,
    pub next: Option<MessageId>,
}

row! {
    struct Row {
        id: Option<Uuid>,
        sender_id: Option<Uuid>,
        to_address: Option<String>,
        tags: Option<Vec<String>>,
        created_at: Option<DateTime<Utc>>,
        state: Option<String>,
        run_at: Option<DateTime<Utc>>,
        tries: Option<i16>,
        priority: Option<i16>,
        last_class: Option<String>,
        last_error: Option<String>,
        finished_at: Option<DateTime<Utc>>,
        last: Option<Uuid>,
        many: i64,
    }
}

impl Messages<'_> {
    /// A page, the newest first, before `before`. Where a filter matches few of many, a page may have fewer than
    /// `limit` and still a next one: a call looks at so many messages and no further.
    pub async fn list_messages(
        &self,
        tenant: TenantId,
        filter: &MessageFilter,
        before: Option<MessageId>,
        limit: i64,
    ) -> Result<MessagePage> {
        use MessageState::{Committing, Failed, Quarantined, Queued, Uncertain, Unknown};
        let exceptional =
            matches!(filter.state, Some(Failed | Quarantined | Unknown | Committing | Uncertain | Queued));
        let sql = if exceptional { include_str!("list_exceptions.sql") } else { include_str!("list_messages.sql") };
        let filters = filter.state.is_some() || filter.sender.is_some() || filter.to.is_some() || filter.tag.is_some();
        let looked_at = if filters { LOOKED_AT_MAX } else { limit };
        let rows: Vec<Row> = sqlx::query_as(sql)
            .bind(tenant.uuid())
            .bind(before.map_or(Uuid::max(), MessageId::uuid))
            .bind(filter.state.map(MessageState::as_str))
            .bind(filter.sender.map(SenderId::uuid))
            .bind(&filter.to)
            .bind(&filter.tag)
            .bind(filter.since.map_or(Uuid::nil(), MessageId::uuid))
            .bind(looked_at)
            .bind(limit)
            .fetch_all(self.pool)
            .await?;
        let looked_on = rows.first().filter(|row| row.many == looked_at).and_then(|row| row.last);
        let messages: Vec<MessageSummary> =
            rows.into_iter().filter(|row| row.id.is_some()).map(Row::read).collect::<Result<_>>()?;
        let is_full = messages.len() as i64 == limit;
        let next = if is_full { messages.last().map(|last| last.id) } else { looked_on.map(MessageId) };
        Ok(MessagePage { messages, next })
    }
}

impl Row {
    fn read(self) -> Result<MessageSummary> {
        let missing = |column| StoreError::Unreadable { noun: "messages", column };
        Ok(MessageSummary {
            id: self.id.map(MessageId).ok_or(missing("id"))?,
            sender: self.sender_id.map(SenderId).ok_or(missing("sender_id"))?,
            to_address: self.to_address.ok_or(missing("to_address"))?,
            tags: self.tags.unwrap_or_default(),
            created_at: self.created_at.ok_or(missing("created_at"))?,
            state: parse_state(self.state.as_deref().unwrap_or_default())?,
            run_at: self.run_at.ok_or(missing("run_at"))?,
            tries: self.tries.unwrap_or(0),
            priority: self.priority.and_then(Priority::from_rank).ok_or(missing("priority"))?,
            last_class: self.last_class,
            last_error: self.last_error,
            finished_at: self.finished_at,
        })
    }
}
