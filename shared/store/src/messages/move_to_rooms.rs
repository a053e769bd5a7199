use domain::ids::MessageId;

use super::Messages;
use crate::Result;
use crate::answered::answered;
use crate::fleet::Term;

impl Messages<'_> {
    /// Puts fresh rows into the waiting rooms of their recipient domains, in bulk; their place in time is unchanged.
    /// Answers how many. A leader write.
    pub async fn move_to_rooms(&self, term: Term, rows: &[(MessageId, &str)]) -> Result<u64> {
        let done = answered!(
            self.pool,
            sqlx::query(include_str!("move_to_rooms.sql"))
                .bind(term.owner)
                .bind(term.number)
                .bind(rows.iter().map(|(message, _)| message.uuid()).collect::<Vec<_>>())
                .bind(rows.iter().map(|(_, room)| *room).collect::<Vec<_>>()),
            execute
        );
        Ok(done.rows_affected())
    }
}
