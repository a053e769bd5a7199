use domain::ids::{JobId, MessageId};
use uuid::Uuid;

use super::Messages;
use crate::Result;
use crate::answered::answered;
use crate::fleet::Term;

/// Times a row may take its worker down with it before a person has to look.
pub const CRASHES_MAX: i16 = 3;

impl Messages<'_> {
    /// Jobs that have had queued rows for longer than `grace_secs`. Bounded by the window, which is what may be queued.
    pub async fn queued_jobs_all_tenants(&self, grace_secs: f64, limit: i64) -> Result<Vec<JobId>> {
        let ids: Vec<Uuid> = answered!(
            self.pool,
            sqlx::query_scalar(
                "SELECT DISTINCT job_id FROM message_runs
             WHERE state = 'queued' AND queued_at < postfleet_now() - make_interval(secs => $1)
             LIMIT $2",
            )
            .bind(grace_secs)
            .bind(limit),
            fetch_all
        );
        Ok(ids.into_iter().map(JobId).collect())
    }

    /// Rows of jobs that stand in Redis no more become due again, free of charge. A leader write.
    pub async fn rescue_jobs(&self, term: Term, gone: &[JobId]) -> Result<u64> {
        let ids: Vec<Uuid> = gone.iter().map(|job| job.uuid()).collect();
        let done = answered!(
            self.pool,
            sqlx::query(
                "WITH ours AS MATERIALIZED (
                 SELECT message_id FROM message_runs
                 WHERE state = 'queued' AND job_id = ANY($3)
                   AND EXISTS (SELECT 1 FROM leaders WHERE owner = $1 AND term = $2 AND expires_at > postfleet_now())
                 ORDER BY message_id FOR UPDATE SKIP LOCKED
             )
             UPDATE message_runs r SET state = 'scheduled', job_id = NULL, queued_at = NULL
             FROM ours o WHERE r.message_id = o.message_id",
            )
            .bind(term.owner)
            .bind(term.number)
            .bind(&ids),
            execute
        );
        Ok(done.rows_affected())
    }

    /// A worker died on this very row, twice handed out: it is charged, and quarantined when that was once too often.
    /// The job's other rows return free. Doing it twice changes nothing: the job id is gone from the row. A leader
    /// write; answers whether the row was charged.
    pub async fn charge_crash(&self, term: Term, job: JobId, row: MessageId) -> Result<bool> {
        let charged = answered!(
            self.pool,
            sqlx::query_scalar(include_str!("charge_crash.sql"))
                .bind(term.owner)
                .bind(term.number)
                .bind(job.uuid())
                .bind(row.uuid())
                .bind(CRASHES_MAX),
            fetch_one
        );
        Ok(charged)
    }
}
