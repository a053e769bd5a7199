use chrono::{DateTime, Utc};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use super::Term;
use crate::Result;
use crate::answered::answered;

row! {
    /// The pulse that stands in Postgres and in Redis, and whether sending is halted.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct FleetState {
        pub generation: Uuid,
        pub beat: i64,
        pub halt_reason: Option<String>,
        /// Raised with every change of a limit.
        pub limits_version: i64,
        /// The database's time.
        pub now: DateTime<Utc>,
    }
}

row! {
    /// What the leader's reconcilers would find, seen with the beat: an idle fleet asks once a second, not once for each.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct FleetSigns {
        /// Workers that have not ended.
        pub workers_alive: i64,
        /// Some of them is silent for longer than was asked about.
        pub worker_silent: bool,
        /// Some message is scheduled, due or not.
        pub scheduled: bool,
        pub queued: bool,
        /// Due again after their worker died on them.
        pub crashed: bool,
        /// Committing, or shown as uncertain.
        pub committed: bool,
        /// Some timer is set, due or not.
        pub timers: bool,
        pub timers_queued: bool,
        /// A campaign has something scheduled, or was stopped a while ago.
        pub campaigns: bool,
    }
}

/// A beat that was raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaisedBeat {
    pub state: FleetState,
    pub signs: FleetSigns,
}

impl<'r> FromRow<'r, PgRow> for RaisedBeat {
    fn from_row(row: &'r PgRow) -> sqlx::Result<Self> {
        Ok(Self { state: FleetState::from_row(row)?, signs: FleetSigns::from_row(row)? })
    }
}

pub struct Fleet<'a> {
    pub(crate) pool: &'a PgPool,
}

impl Fleet<'_> {
    pub async fn state(&self) -> Result<FleetState> {
        Ok(answered!(
            self.pool,
            sqlx::query_as("SELECT generation, beat, halt_reason, limits_version, postfleet_now() AS now FROM fleet"),
            fetch_one
        ))
    }

    /// Raises the beat, in Postgres first: Redis may only ever be behind. `None` when this leader leads no more.
    pub async fn raise_beat(&self, term: Term, silent_secs: f64) -> Result<Option<RaisedBeat>> {
        let raised = answered!(
            self.pool,
            sqlx::query_as(include_str!("raise_beat.sql")).bind(term.owner).bind(term.number).bind(silent_secs),
            fetch_optional
        );
        Ok(raised)
    }

    /// Redis was lost: every queued row becomes due again and a new generation begins. A compare-and-swap on the old
    /// one, so that two who notice do it once. Answers how many rows came back, or `None` if it was done already.
    pub async fn begin_generation(&self, term: Term, old: Uuid, new: Uuid) -> Result<Option<u64>> {
        let returned: Option<i64> = answered!(
            self.pool,
            sqlx::query_scalar(include_str!("begin_generation.sql"))
                .bind(term.owner)
                .bind(term.number)
                .bind(old)
                .bind(new),
            fetch_one
        );
        Ok(returned.map(|rows| rows as u64))
    }

    /// Whether no message of anybody was ever committed, nor is about to be.
    pub async fn never_sent(&self) -> Result<bool> {
        Ok(answered!(
            self.pool,
            sqlx::query_scalar(
                "SELECT NOT EXISTS (SELECT 1 FROM daily_sends)
                AND NOT EXISTS (SELECT 1 FROM message_runs WHERE state = 'queued')
                AND NOT EXISTS (SELECT 1 FROM message_runs WHERE state IN ('committing', 'uncertain'))",
            ),
            fetch_one
        ))
    }

    /// Stops all sending until `resume`. A leader write.
    pub async fn halt(&self, term: Term, reason: &str) -> Result<bool> {
        let done = answered!(
            self.pool,
            sqlx::query(
                "UPDATE fleet SET halted_at = postfleet_now(), halt_reason = $3
             WHERE halted_at IS NULL
               AND EXISTS (SELECT 1 FROM leaders WHERE owner = $1 AND term = $2 AND expires_at > postfleet_now())",
            )
            .bind(term.owner)
            .bind(term.number)
            .bind(reason),
            execute
        );
        Ok(done.rows_affected() > 0)
    }

    /// An operator says that sending may go on. The generation changes, so that nothing pushed before can run.
    /// `beat` is what Redis has: the pulse goes on from the higher one.
    pub async fn resume(&self, new: Uuid, beat: i64) -> Result<bool> {
        let done = answered!(self.pool, sqlx::query(
            "UPDATE fleet SET halted_at = NULL, halt_reason = NULL, generation = $1, generation_since = postfleet_now(),
                    beat = greatest(beat, $2) + 1
             WHERE halted_at IS NOT NULL",
        )
        .bind(new)
        .bind(beat), execute);
        Ok(done.rows_affected() > 0)
    }
}
