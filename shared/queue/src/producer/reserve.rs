use std::time::Duration;

use domain::ids::JobId;

use crate::link::Arg;
use crate::{LaneName, QueueError, QueueLink, Result, scripts};

/// Longest a reservation may wait for its push before the leader gives the room back.
const RESERVATION_TTL: Duration = Duration::from_secs(5);

/// Room for so many rows of a lane, asked before they are committed as queued.
#[derive(Debug, Clone, Copy)]
pub struct Reservation {
    pub lane: LaneName,
    pub rows: u32,
    pub job: JobId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// Commit the rows as queued with this job, then push it.
    Yes,
    /// The lane has older rows waiting, or the window has no room: commit as scheduled. The lane is noted as waiting.
    No,
}

impl QueueLink {
    pub async fn reserve(&self, asked: &Reservation) -> Result<Reserved> {
        let keys = self.keys();
        let names = [keys.pulse(), keys.window(), keys.caps(), keys.backlog(), keys.reserved(), keys.reservations()];
        let args = [
            Arg::Owned(asked.lane.tenant.to_string()),
            Arg::Owned(asked.lane.sender.to_string()),
            Arg::Number(i64::from(asked.rows)),
            Arg::Owned(asked.job.to_string()),
            Arg::Number(RESERVATION_TTL.as_millis() as i64),
        ];
        let answer = self.call(&scripts::RESERVE, &names, &args).await?;
        match answer.status.as_str() {
            "reserved" => Ok(Reserved::Yes),
            "refused" => Ok(Reserved::No),
            _ => Err(QueueError::Unreadable),
        }
    }

    /// The rows were not committed after all.
    pub async fn unreserve(&self, jobs: &[JobId]) -> Result<()> {
        let keys = self.keys();
        let names = [keys.pulse(), keys.window(), keys.reserved(), keys.reservations()];
        let args: Vec<Arg<'_>> = jobs.iter().map(|job| Arg::Owned(job.to_string())).collect();
        self.call(&scripts::UNRESERVE, &names, &args).await?;
        Ok(())
    }
}
