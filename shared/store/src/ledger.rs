//! Rows that are jobs, whichever table they stand in: the lifecycle that timers and webhook calls share. Messages have
//! statements of their own, because theirs are asked a thousand times as often.

use std::collections::HashSet;
use std::time::Duration;

use domain::ids::{JobId, TenantId};
use sqlx::PgPool;
use uuid::Uuid;

use crate::Result;
use crate::answered::answered;
use crate::fleet::Term;

/// Times a row may fail before a person has to look: minutes to hours apart.
pub const TRIES_MAX: i16 = 6;
/// Times a row may take its worker down with it.
const CRASHES_MAX: i16 = 3;

/// The statements of one table.
pub(crate) struct LedgerSql {
    pub(crate) due_rows: &'static str,
    pub(crate) feed: &'static str,
    pub(crate) feed_crashed: &'static str,
    pub(crate) queued_jobs: &'static str,
    pub(crate) rescue: &'static str,
    pub(crate) charge_crash: &'static str,
    pub(crate) retry: &'static str,
}

/// Writes the statements out for a table; its key is `id`, its other columns are named alike.
macro_rules! ledger_sql {
    ($table:literal) => {
        crate::ledger::LedgerSql {
            due_rows: concat!(
                // One tenant after the other, by skipping through the index; of each so many. At random, so that nobody is
                // always the one that the bound leaves out.
                "WITH RECURSIVE tenants AS (
                     (SELECT tenant_id FROM ", $table, " WHERE state = 'scheduled' ORDER BY tenant_id LIMIT 1)
                     UNION ALL
                     SELECT n.tenant_id FROM tenants t CROSS JOIN LATERAL (
                         SELECT r.tenant_id FROM ", $table, " r WHERE r.state = 'scheduled' AND r.tenant_id > t.tenant_id
                         ORDER BY r.tenant_id LIMIT 1) n
                 )
                 SELECT d.id, t.tenant_id, extract(epoch FROM postfleet_now() - d.run_at)::float8 AS late_secs
                 FROM (SELECT tenant_id FROM tenants ORDER BY random()) t CROSS JOIN LATERAL (
                     SELECT r.id, r.run_at FROM ", $table, " r
                     WHERE r.state = 'scheduled' AND r.tenant_id = t.tenant_id AND r.run_at <= postfleet_now() AND r.crashes = 0
                     ORDER BY r.run_at, r.id LIMIT $1) d
                 LIMIT 20000"
            ),
            feed: concat!(
                "WITH asked AS (
                     SELECT * FROM unnest($3::uuid[], $4::uuid[]) AS a (id, job_id)
                     WHERE EXISTS (SELECT 1 FROM leaders WHERE owner = $1 AND term = $2 AND expires_at > postfleet_now())
                     ORDER BY id
                 ), due AS MATERIALIZED (
                     SELECT r.place, a.job_id FROM asked a CROSS JOIN LATERAL (
                         SELECT r.ctid AS place FROM ", $table, " r
                         WHERE r.id = a.id AND coalesce(r.state, '') = 'scheduled' AND r.run_at <= postfleet_now()
                         FOR UPDATE OF r SKIP LOCKED) r
                 )
                 UPDATE ", $table, " r SET state = 'queued', queued_at = postfleet_now(), job_id = d.job_id
                 FROM due d WHERE r.ctid = d.place RETURNING r.id"
            ),
            feed_crashed: concat!(
                "SELECT id, tenant_id, 0::float8 AS late_secs FROM ", $table, "
                 WHERE state = 'scheduled' AND crashes > 0 AND run_at <= postfleet_now() ORDER BY run_at LIMIT $1"
            ),
            queued_jobs: concat!(
                "SELECT DISTINCT job_id FROM ", $table, "
                 WHERE state = 'queued' AND queued_at < postfleet_now() - make_interval(secs => $1) LIMIT $2"
            ),
            rescue: concat!(
                "WITH ours AS MATERIALIZED (
                     SELECT id FROM ", $table, " WHERE state = 'queued' AND job_id = ANY($3)
                       AND EXISTS (SELECT 1 FROM leaders WHERE owner = $1 AND term = $2 AND expires_at > postfleet_now())
                     ORDER BY id FOR UPDATE
                 )
                 UPDATE ", $table, " r SET state = 'scheduled', job_id = NULL, queued_at = NULL FROM ours o WHERE r.id = o.id"
            ),
            charge_crash: concat!(
                "WITH ours AS MATERIALIZED (
                     SELECT id, id = $4 AS charged, id = $4 AND crashes + 1 >= $5 AS too_often FROM ", $table, "
                     WHERE state = 'queued' AND job_id = $3
                       AND EXISTS (SELECT 1 FROM leaders WHERE owner = $1 AND term = $2 AND expires_at > postfleet_now())
                     ORDER BY id FOR UPDATE
                 ), moved AS (
                     UPDATE ", $table, " r SET
                         state = CASE WHEN o.too_often THEN 'quarantined' ELSE 'scheduled' END,
                         crashes = r.crashes + CASE WHEN o.charged THEN 1 ELSE 0 END,
                         last_error = CASE WHEN o.charged THEN 'its worker died while it was handled' ELSE r.last_error END,
                         finished_at = CASE WHEN o.too_often THEN postfleet_now() END, job_id = NULL, queued_at = NULL
                     FROM ours o WHERE r.id = o.id RETURNING o.charged
                 )
                 SELECT COALESCE(bool_or(charged), false) FROM moved"
            ),
            retry: concat!(
                "WITH ours AS MATERIALIZED (
                     SELECT id, tries + $4 > $5 AS too_often FROM ", $table, "
                     WHERE id = ANY($2) AND job_id = $1 AND state = 'queued' ORDER BY id FOR UPDATE
                 )
                 UPDATE ", $table, " r SET
                     state = CASE WHEN o.too_often THEN 'failed' ELSE 'scheduled' END,
                     tries = r.tries + $4, last_error = COALESCE($6, r.last_error),
                     run_at = CASE WHEN $3 > 0 THEN postfleet_now() + make_interval(secs => $3) ELSE r.run_at END,
                     finished_at = CASE WHEN o.too_often THEN postfleet_now() END, job_id = NULL, queued_at = NULL
                 FROM ours o WHERE r.id = o.id"
            ),
        }
    };
}
pub(crate) use ledger_sql;

row! {
    /// A row that is due.
    #[derive(Debug, Clone, Copy, PartialEq)]
    pub struct LedgerRow {
        pub id: Uuid,
        tenant_id: Uuid,
        /// How long it has been.
        pub late_secs: f64,
    }
}

impl LedgerRow {
    pub fn new(id: Uuid, tenant: TenantId, late_secs: f64) -> Self {
        Self { id, tenant_id: tenant.uuid(), late_secs }
    }

    pub fn tenant(&self) -> TenantId {
        TenantId(self.tenant_id)
    }
}

pub struct Ledger<'a> {
    pub(crate) pool: &'a PgPool,
    pub(crate) sql: &'static LedgerSql,
}

impl Ledger<'_> {
    /// Up to so many due rows of each tenant, the oldest first. Locks and changes nothing.
    pub async fn due_rows_all_tenants(&self, each: i64) -> Result<Vec<LedgerRow>> {
        Ok(answered!(self.pool, sqlx::query_as(self.sql.due_rows).bind(each), fetch_all))
    }

    /// Rows that once died with their worker: each goes alone.
    pub async fn crashed_rows_all_tenants(&self, limit: i64) -> Result<Vec<LedgerRow>> {
        Ok(answered!(self.pool, sqlx::query_as(self.sql.feed_crashed).bind(limit), fetch_all))
    }

    /// Gives rows to jobs, those that are still due. Answers which. A leader write.
    pub async fn feed(&self, term: Term, rows: &[(Uuid, JobId)]) -> Result<HashSet<Uuid>> {
        let (ids, jobs): (Vec<Uuid>, Vec<Uuid>) = rows.iter().map(|(id, job)| (*id, job.uuid())).unzip();
        let fed: Vec<Uuid> = answered!(
            self.pool,
            sqlx::query_scalar(self.sql.feed).bind(term.owner).bind(term.number).bind(ids).bind(jobs),
            fetch_all
        );
        Ok(fed.into_iter().collect())
    }

    /// Jobs that have had queued rows for longer than this.
    pub async fn queued_jobs_all_tenants(&self, grace_secs: f64, limit: i64) -> Result<Vec<JobId>> {
        let jobs: Vec<Uuid> =
            answered!(self.pool, sqlx::query_scalar(self.sql.queued_jobs).bind(grace_secs).bind(limit), fetch_all);
        Ok(jobs.into_iter().map(JobId).collect())
    }

    /// Rows of jobs that are gone become due again, at no cost to them. A leader write.
    pub async fn rescue_jobs(&self, term: Term, jobs: &[JobId]) -> Result<u64> {
        let ids: Vec<Uuid> = jobs.iter().map(|job| job.uuid()).collect();
        let done =
            answered!(self.pool, sqlx::query(self.sql.rescue).bind(term.owner).bind(term.number).bind(ids), execute);
        Ok(done.rows_affected())
    }

    /// A worker died on this very row, twice handed out: it is charged; the job's others return free. A leader write.
    pub async fn charge_crash(&self, term: Term, job: JobId, row: Uuid) -> Result<bool> {
        Ok(answered!(
            self.pool,
            sqlx::query_scalar(self.sql.charge_crash)
                .bind(term.owner)
                .bind(term.number)
                .bind(job.uuid())
                .bind(row)
                .bind(CRASHES_MAX),
            fetch_one
        ))
    }

    /// Rows that a job did not begin go back, free of charge.
    pub async fn hand_back(&self, job: JobId, rows: &[Uuid]) -> Result<u64> {
        self.give_back(job, rows, Duration::ZERO, 0, None).await
    }

    /// A row that could not be dealt with comes again later, or is failed when that was once too often.
    pub async fn retry(&self, job: JobId, rows: &[Uuid], delay: Duration, why: &str) -> Result<u64> {
        self.give_back(job, rows, delay, 1, Some(why)).await
    }

    async fn give_back(
        &self,
        job: JobId,
        rows: &[Uuid],
        delay: Duration,
        tries: i16,
        why: Option<&str>,
    ) -> Result<u64> {
        let done = answered!(
            self.pool,
            sqlx::query(self.sql.retry)
                .bind(job.uuid())
                .bind(rows)
                .bind(delay.as_secs_f64())
                .bind(tries)
                .bind(TRIES_MAX)
                .bind(why),
            execute
        );
        Ok(done.rows_affected())
    }
}
