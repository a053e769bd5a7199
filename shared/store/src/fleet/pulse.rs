use sqlx::PgPool;
use uuid::Uuid;

use super::Term;
use crate::Result;

/// The pulse that stands in Postgres and in Redis, and whether sending is halted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetState {
    pub generation: Uuid,
    pub beat: i64,
    pub halt_reason: Option<String>,
}

pub struct Fleet<'a> {
    pub(crate) pool: &'a PgPool,
}

impl Fleet<'_> {
    pub async fn state(&self) -> Result<FleetState> {
        let (generation, beat, halt_reason) =
            sqlx::query_as("SELECT generation, beat, halt_reason FROM fleet").fetch_one(self.pool).await?;
        Ok(FleetState { generation, beat, halt_reason })
    }

    /// Raises the beat, in Postgres first: Redis may only ever be behind. `None` when this leader leads no more.
    pub async fn raise_beat(&self, term: Term) -> Result<Option<FleetState>> {
        let row: Option<(Uuid, i64, Option<String>)> = sqlx::query_as(
            "UPDATE fleet SET beat = beat + 1
             WHERE EXISTS (SELECT 1 FROM leaders WHERE owner = $1 AND term = $2 AND expires_at > postfleet_now())
             RETURNING generation, beat, halt_reason",
        )
        .bind(term.owner)
        .bind(term.number)
        .fetch_optional(self.pool)
        .await?;
        Ok(row.map(|(generation, beat, halt_reason)| FleetState { generation, beat, halt_reason }))
    }

    /// Redis was lost: every queued row becomes due again and a new generation begins. A compare-and-swap on the old
    /// one, so that two who notice do it once. Answers how many rows came back, or `None` if it was done already.
    pub async fn begin_generation(&self, term: Term, old: Uuid, new: Uuid) -> Result<Option<u64>> {
        let returned: Option<i64> = sqlx::query_scalar(include_str!("begin_generation.sql"))
            .bind(term.owner)
            .bind(term.number)
            .bind(old)
            .bind(new)
            .fetch_one(self.pool)
            .await?;
        Ok(returned.map(|rows| rows as u64))
    }

    /// Stops all sending until `resume`.
    pub async fn halt(&self, reason: &str) -> Result<bool> {
        let done =
            sqlx::query("UPDATE fleet SET halted_at = postfleet_now(), halt_reason = $1 WHERE halted_at IS NULL")
                .bind(reason)
                .execute(self.pool)
                .await?;
        Ok(done.rows_affected() > 0)
    }

    /// An operator says that sending may go on. The generation changes, so that nothing pushed before can run.
    pub async fn resume(&self, new: Uuid) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE fleet SET halted_at = NULL, halt_reason = NULL, generation = $1, generation_since = postfleet_now()
             WHERE halted_at IS NOT NULL",
        )
        .bind(new)
        .execute(self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }
}
