use std::collections::HashSet;

use domain::ids::{JobId, MessageId, SenderId, TenantId};
use domain::messages::Priority;
use uuid::Uuid;

use super::{DueRow, Messages};
use crate::answered::answered;
use crate::fleet::Term;
use crate::{Result, StoreError};

/// A row that is now `queued`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FedRow {
    pub message: MessageId,
    pub tenant: TenantId,
    pub sender: SenderId,
    pub priority: Priority,
    pub job: JobId,
}

impl Messages<'_> {
    /// Gives rows to jobs, those that are still due and whose sender and tenant may send. Answers which. A leader
    /// write.
    pub async fn feed_rows(&self, term: Term, rows: &[(&DueRow, JobId)]) -> Result<HashSet<MessageId>> {
        let fed: Vec<Uuid> = answered!(
            self.pool,
            sqlx::query_scalar(include_str!("feed_rows.sql"))
                .bind(term.owner)
                .bind(term.number)
                .bind(rows.iter().map(|(row, _)| row.message.uuid()).collect::<Vec<_>>())
                .bind(rows.iter().map(|(_, job)| job.uuid()).collect::<Vec<_>>())
                .bind(rows.iter().map(|(row, _)| row.place).collect::<Vec<_>>())
                .bind(rows.iter().map(|(row, _)| row.sender.uuid()).collect::<Vec<_>>()),
            fetch_all
        );
        Ok(fed.into_iter().map(MessageId).collect())
    }

    /// Rows that once died with their worker go alone, one to a job. A leader write.
    pub async fn feed_crashed(&self, term: Term, jobs: &[JobId]) -> Result<Vec<FedRow>> {
        let rows: Vec<(Uuid, Uuid, Uuid, i16, Uuid)> = answered!(
            self.pool,
            sqlx::query_as(include_str!("feed_crashed.sql"))
                .bind(term.owner)
                .bind(term.number)
                .bind(jobs.iter().map(|job| job.uuid()).collect::<Vec<_>>()),
            fetch_all
        );
        let read = |(message, tenant, sender, priority, job): (Uuid, Uuid, Uuid, i16, Uuid)| {
            Ok(FedRow {
                message: MessageId(message),
                tenant: TenantId(tenant),
                sender: SenderId(sender),
                priority: Priority::from_rank(priority)
                    .ok_or(StoreError::Unreadable { noun: "message_runs", column: "priority" })?,
                job: JobId(job),
            })
        };
        rows.into_iter().map(read).collect()
    }
}
