use domain::ids::{JobId, MessageId, SenderId, TenantId};
use domain::messages::Priority;
use uuid::Uuid;

use super::Messages;
use crate::fleet::Term;
use crate::{Result, StoreError};

/// A sender with due rows that may be fed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    pub tenant: TenantId,
    pub sender: SenderId,
    pub connections: u32,
}

/// So many rows of one lane, cut into these jobs.
#[derive(Debug, Clone)]
pub struct FeedRequest {
    pub lane: Lane,
    pub take: u32,
    pub jobs: Vec<JobId>,
}

/// A row that is now `queued`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FedRow {
    pub message: MessageId,
    pub tenant: TenantId,
    pub sender: SenderId,
    pub priority: Priority,
    pub job: JobId,
}

type FedColumns = (Uuid, Uuid, Uuid, i16, Uuid);

impl Messages<'_> {
    /// Every sender with a due row, skipping from one to the next in the index: its cost follows the number of
    /// senders, never the number of messages. Paused ones are left out.
    pub async fn due_lanes_all_tenants(&self) -> Result<Vec<Lane>> {
        let rows: Vec<(Uuid, Uuid, i32)> = sqlx::query_as(include_str!("due_lanes.sql")).fetch_all(self.pool).await?;
        Ok(rows
            .into_iter()
            .map(|(tenant, sender, connections)| Lane {
                tenant: TenantId(tenant),
                sender: SenderId(sender),
                connections: u32::try_from(connections).unwrap_or(1),
            })
            .collect())
    }

    /// Gives due rows to jobs, at most `rows_per_job` to each, in order of priority and time. A leader write.
    pub async fn feed_messages(&self, term: Term, requests: &[FeedRequest], rows_per_job: u32) -> Result<Vec<FedRow>> {
        let mut first_job = Vec::with_capacity(requests.len());
        let mut jobs: Vec<Uuid> = Vec::new();
        for request in requests {
            first_job.push(jobs.len() as i32);
            jobs.extend(request.jobs.iter().map(|job| job.uuid()));
        }
        let rows: Vec<FedColumns> = sqlx::query_as(include_str!("feed_messages.sql"))
            .bind(term.owner)
            .bind(term.number)
            .bind(requests.iter().map(|request| request.lane.tenant.uuid()).collect::<Vec<_>>())
            .bind(requests.iter().map(|request| request.lane.sender.uuid()).collect::<Vec<_>>())
            .bind(requests.iter().map(|request| request.take as i32).collect::<Vec<_>>())
            .bind(&first_job)
            .bind(&jobs)
            .bind(rows_per_job as i32)
            .fetch_all(self.pool)
            .await?;
        rows.into_iter().map(fed_row).collect()
    }

    /// Rows that once died with their worker go alone, one to a job. A leader write.
    pub async fn feed_crashed(&self, term: Term, jobs: &[JobId]) -> Result<Vec<FedRow>> {
        let rows: Vec<FedColumns> = sqlx::query_as(include_str!("feed_crashed.sql"))
            .bind(term.owner)
            .bind(term.number)
            .bind(jobs.iter().map(|job| job.uuid()).collect::<Vec<_>>())
            .fetch_all(self.pool)
            .await?;
        rows.into_iter().map(fed_row).collect()
    }
}

fn fed_row((message, tenant, sender, priority, job): FedColumns) -> Result<FedRow> {
    Ok(FedRow {
        message: MessageId(message),
        tenant: TenantId(tenant),
        sender: SenderId(sender),
        priority: Priority::from_rank(priority)
            .ok_or(StoreError::Unreadable { noun: "message_runs", column: "priority" })?,
        job: JobId(job),
    })
}
