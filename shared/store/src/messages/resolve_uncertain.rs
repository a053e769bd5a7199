use chrono::{DateTime, Utc};
use domain::ids::{AttemptId, MessageId};
use domain::messages::resolve_uncertain::{UncertainFacts, UncertainPolicy};
use uuid::Uuid;

use super::Messages;
use crate::fleet::Term;
use crate::{Result, StoreError};

/// An uncertain message and what decides about it.
#[derive(Debug, Clone)]
pub struct UncertainRow {
    pub message: MessageId,
    pub attempt: AttemptId,
    pub facts: UncertainFacts,
    pub now: DateTime<Utc>,
}

row! {
    struct Row {
        message_id: Uuid,
        attempt_id: Uuid,
        committed_at: DateTime<Utc>,
        commit_deadline: DateTime<Utc>,
        resent: bool,
        uncertain_policy: String,
        now: DateTime<Utc>,
    }
}

impl Messages<'_> {
    /// A page of uncertain messages in order of deadline and id, after `after`. That is the order of the index that holds
    /// nothing else; in the order of their ids, a plan for any limit walks all messages.
    pub async fn uncertain_after_all_tenants(
        &self,
        after: (DateTime<Utc>, MessageId),
        limit: i64,
    ) -> Result<Vec<UncertainRow>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT r.message_id, r.attempt_id, r.committed_at, r.commit_deadline, r.resent, t.uncertain_policy,
                    postfleet_now() AS now
             FROM message_runs r JOIN tenants t ON t.id = r.tenant_id
             WHERE r.state = 'uncertain' AND (r.commit_deadline, r.message_id) > ($1, $2)
             ORDER BY r.commit_deadline, r.message_id LIMIT $3",
        )
        .bind(after.0)
        .bind(after.1.uuid())
        .bind(limit)
        .fetch_all(self.pool)
        .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// The tenant chose that it be sent once more. A leader write; answers whether it was still uncertain.
    pub async fn resend_uncertain(&self, term: Term, message: MessageId, attempt: AttemptId) -> Result<bool> {
        self.resolve(include_str!("resend_uncertain.sql"), term, message, attempt).await
    }

    /// Nothing can tell any more. A leader write; answers whether it was still uncertain.
    pub async fn give_up_uncertain(&self, term: Term, message: MessageId, attempt: AttemptId) -> Result<bool> {
        self.resolve(include_str!("give_up_uncertain.sql"), term, message, attempt).await
    }

    async fn resolve(&self, sql: &'static str, term: Term, message: MessageId, attempt: AttemptId) -> Result<bool> {
        let resolved: Option<Uuid> = sqlx::query_scalar(sql)
            .bind(term.owner)
            .bind(term.number)
            .bind(message.uuid())
            .bind(attempt.uuid())
            .fetch_optional(self.pool)
            .await?;
        Ok(resolved.is_some())
    }
}

impl UncertainRow {
    /// Where the first page begins.
    pub const FIRST_PAGE: (DateTime<Utc>, MessageId) = (DateTime::UNIX_EPOCH, MessageId(Uuid::nil()));

    /// Where the page behind this row begins.
    pub fn next_page(&self) -> (DateTime<Utc>, MessageId) {
        (self.facts.commit_deadline, self.message)
    }
}

impl Row {
    fn read(self) -> Result<UncertainRow> {
        let policy = UncertainPolicy::parse(&self.uncertain_policy)
            .ok_or(StoreError::Unreadable { noun: "tenants", column: "uncertain_policy" })?;
        Ok(UncertainRow {
            message: MessageId(self.message_id),
            attempt: AttemptId(self.attempt_id),
            facts: UncertainFacts {
                policy,
                committed_at: self.committed_at,
                commit_deadline: self.commit_deadline,
                resent: self.resent,
            },
            now: self.now,
        })
    }
}
