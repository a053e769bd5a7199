use super::Campaigns;
use crate::Result;
use crate::answered::answered;
use crate::fleet::Term;

/// Rows moved in one statement.
const MOVE_BATCH: i64 = 5_000;

impl Campaigns<'_> {
    /// Moves scheduled rows of campaigns that do not send into their rooms, and those of campaigns that do out of them;
    /// `run_at` stays. Answers how many went in and out; as many as fit one statement each. A leader write.
    pub async fn sort_rooms(&self, term: Term) -> Result<(u64, u64)> {
        let into = answered!(
            self.pool,
            sqlx::query(concat!(include_str!("waiting_campaigns.sql"), include_str!("fill_rooms.sql")))
                .bind(term.owner)
                .bind(term.number)
                .bind(MOVE_BATCH),
            execute
        );
        let out = answered!(
            self.pool,
            sqlx::query(concat!(include_str!("waiting_campaigns.sql"), include_str!("empty_rooms.sql")))
                .bind(term.owner)
                .bind(term.number)
                .bind(MOVE_BATCH),
            execute
        );
        Ok((into.rows_affected(), out.rows_affected()))
    }
}
