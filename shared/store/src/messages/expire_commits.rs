use domain::ids::MessageId;
use uuid::Uuid;

use super::Messages;
use crate::Result;
use crate::fleet::Term;

/// Why a message is shown as uncertain by somebody other than its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UncertainCause {
    WorkerLost,
    DeadlinePassed,
}

impl Messages<'_> {
    /// Shows as `uncertain` what nobody is going to answer for: the worker is gone, or the deadline has passed.
    /// Never queues anything again. A leader write.
    pub async fn expire_commits(&self, term: Term, limit: i64) -> Result<Vec<(MessageId, UncertainCause)>> {
        let rows: Vec<(Uuid, String)> = sqlx::query_as(include_str!("expire_commits.sql"))
            .bind(term.owner)
            .bind(term.number)
            .bind(limit)
            .fetch_all(self.pool)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(id, cause)| {
                let cause =
                    if cause == "worker_lost" { UncertainCause::WorkerLost } else { UncertainCause::DeadlinePassed };
                (MessageId(id), cause)
            })
            .collect())
    }
}
