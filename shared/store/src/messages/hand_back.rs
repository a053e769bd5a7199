use std::time::Duration;

use domain::ids::{JobId, MessageId};
use domain::messages::MessageState;
use uuid::Uuid;

use super::{Messages, parse_state};
use crate::Result;
use crate::answered::answered;

/// A row that left its job untouched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandedBack {
    pub message: MessageId,
    pub state: MessageState,
}

impl Messages<'_> {
    /// Gives rows that a job did not start back to the feeder, free of charge and with their place in time; those
    /// whose recipient was suppressed meanwhile end here. Rows that are not this job's are left alone.
    pub async fn hand_back(&self, job: JobId, rows: &[MessageId], delay: Duration) -> Result<Vec<HandedBack>> {
        let ids: Vec<Uuid> = rows.iter().map(|id| id.uuid()).collect();
        let returned: Vec<(Uuid, String)> = answered!(
            self.pool,
            sqlx::query_as(include_str!("hand_back.sql")).bind(job.uuid()).bind(&ids).bind(delay.as_secs_f64()),
            fetch_all
        );
        returned
            .into_iter()
            .map(|(id, state)| Ok(HandedBack { message: MessageId(id), state: parse_state(&state)? }))
            .collect()
    }
}
