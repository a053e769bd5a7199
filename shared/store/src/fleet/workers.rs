use chrono::{DateTime, Utc};
use domain::ids::WorkerId;
use sqlx::PgPool;
use uuid::Uuid;

use super::Term;
use crate::Result;
use crate::answered::answered;

/// A worker that starts.
#[derive(Debug, Clone)]
pub struct NewWorker {
    pub id: WorkerId,
    pub name: String,
    pub host: String,
    pub pid: u32,
    pub pools: Vec<String>,
}

row! {
    /// A worker as its row says.
    #[derive(Debug, Clone)]
    pub struct WorkerRow {
        pub id: Uuid,
        pub name: String,
        pub host: String,
        pub pid: i32,
        pub pools: Vec<String>,
        /// running | draining | stopped | lost
        pub state: String,
        pub started_at: DateTime<Utc>,
        pub heartbeat_at: DateTime<Utc>,
        pub ended_at: Option<DateTime<Utc>>,
    }
}

/// How a worker's run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerEnd {
    /// It drained and left.
    Stopped,
    /// It was seen dead, or its heartbeat stopped.
    Lost,
}

impl WorkerEnd {
    fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Lost => "lost",
        }
    }
}

pub struct Workers<'a> {
    pub(crate) pool: &'a PgPool,
}

impl Workers<'_> {
    pub async fn register(&self, worker: &NewWorker) -> Result<()> {
        answered!(
            self.pool,
            sqlx::query(
                "INSERT INTO workers (id, name, host, pid, pools, state) VALUES ($1, $2, $3, $4, $5, 'running')
             ON CONFLICT (id) DO NOTHING",
            )
            .bind(worker.id.uuid())
            .bind(&worker.name)
            .bind(&worker.host)
            .bind(worker.pid as i32)
            .bind(&worker.pools),
            execute
        );
        Ok(())
    }

    /// Says that the worker lives. A worker that was written off lives again: its outcomes still count.
    pub async fn beat(&self, id: WorkerId, draining: bool) -> Result<()> {
        answered!(
            self.pool,
            sqlx::query("UPDATE workers SET heartbeat_at = postfleet_now(), state = $2, ended_at = NULL WHERE id = $1")
                .bind(id.uuid())
                .bind(if draining { "draining" } else { "running" }),
            execute
        );
        Ok(())
    }

    pub async fn end(&self, id: WorkerId, end: WorkerEnd) -> Result<()> {
        answered!(
            self.pool,
            sqlx::query("UPDATE workers SET state = $2, ended_at = postfleet_now() WHERE id = $1 AND ended_at IS NULL")
                .bind(id.uuid())
                .bind(end.as_str()),
            execute
        );
        Ok(())
    }

    /// Writes off workers without a heartbeat for `silent_secs`; answers which. A leader write.
    pub async fn write_off_silent(&self, term: Term, silent_secs: f64) -> Result<Vec<WorkerId>> {
        let ids: Vec<Uuid> = answered!(
            self.pool,
            sqlx::query_scalar(
                "UPDATE workers SET state = 'lost', ended_at = postfleet_now()
             WHERE ended_at IS NULL AND heartbeat_at < postfleet_now() - make_interval(secs => $3)
               AND EXISTS (SELECT 1 FROM leaders WHERE owner = $1 AND term = $2 AND expires_at > postfleet_now())
             RETURNING id",
            )
            .bind(term.owner)
            .bind(term.number)
            .bind(silent_secs),
            fetch_all
        );
        Ok(ids.into_iter().map(WorkerId).collect())
    }

    /// Those that live, and those that ended within the last `hours`, the newest first; at most `limit`.
    pub async fn list(&self, hours: i32, limit: i64) -> Result<Vec<WorkerRow>> {
        Ok(answered!(
            self.pool,
            sqlx::query_as(
                "SELECT id, name, host, pid, pools, state, started_at, heartbeat_at, ended_at FROM workers
             WHERE ended_at IS NULL OR ended_at > postfleet_now() - make_interval(hours => $1)
             ORDER BY id DESC LIMIT $2",
            )
            .bind(hours)
            .bind(limit),
            fetch_all
        ))
    }

    /// How many run, and how many drain.
    pub async fn alive(&self) -> Result<i64> {
        let alive =
            answered!(self.pool, sqlx::query_scalar("SELECT count(*) FROM workers WHERE ended_at IS NULL"), fetch_one);
        Ok(alive)
    }

    /// Removes rows of workers that ended long ago; their messages keep the id.
    pub async fn forget_ended(&self, after_days: i32, limit: i64) -> Result<u64> {
        let done = answered!(
            self.pool,
            sqlx::query(
                "DELETE FROM workers WHERE id IN (
                 SELECT id FROM workers WHERE ended_at < postfleet_now() - make_interval(days => $1) LIMIT $2)",
            )
            .bind(after_days)
            .bind(limit),
            execute
        );
        Ok(done.rows_affected())
    }
}
