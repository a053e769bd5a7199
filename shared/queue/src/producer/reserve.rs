use std::time::Duration;

use domain::ids::JobId;
use domain::limits::TokenReturn;
use link::{Arg, TokenAsk, Tokens, encode_returns};

use crate::lane::room_name;
use crate::{LaneName, QueueError, QueueLink, Result, scripts};

/// Longest a reservation may wait for its push before the leader gives the room back.
const RESERVATION_TTL: Duration = Duration::from_secs(5);

/// Room for so many rows of a lane, and their tokens, asked before they are committed as queued.
#[derive(Debug, Clone)]
pub struct Reservation {
    pub lane: LaneName,
    pub rows: u32,
    pub job: JobId,
    /// The recipient domains: where one has a waiting room, these rows wait behind those in it.
    pub domains: Vec<Box<str>>,
    pub tokens: TokenAsk,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reserved {
    /// Commit the rows as queued with this job, then push it with these tokens.
    Yes(Tokens),
    /// Commit as scheduled: the lane is noted as waiting.
    No(NotReserved),
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotReserved {
    /// The lane, or the waiting room of a domain, has older rows.
    Turn,
    /// The window has no room.
    Window,
    /// A limit refuses.
    Limit,
}

impl QueueLink {
    /// All of it, or none.
    pub async fn reserve(&self, asked: &Reservation) -> Result<Reserved> {
        let keys = self.keys();
        let mut names =
            vec![keys.pulse(), keys.window(), keys.caps(), keys.backlog(), keys.reserved(), keys.reservations()];
        let mut args = vec![
            Arg::Owned(asked.lane.tenant.to_string()),
            Arg::Owned(asked.lane.sender.to_string()),
            Arg::Number(i64::from(asked.rows)),
            Arg::Owned(asked.job.to_string()),
            Arg::Number(RESERVATION_TTL.as_millis() as i64),
            Arg::Number(asked.domains.len() as i64),
        ];
        args.extend(asked.domains.iter().map(|domain| Arg::Owned(room_name(asked.lane.tenant, domain))));
        names.extend(asked.tokens.keys());
        asked.tokens.encode(&mut args);
        let answer = self.call(&scripts::RESERVE, &names, &args).await?;
        match (answer.status.as_str(), answer.rest.first().map(String::as_str)) {
            ("reserved", _) => Ok(Reserved::Yes(Tokens::read(&asked.tokens.specs, &mut answer.rest.into_iter())?)),
            ("refused", Some("turn")) => Ok(Reserved::No(NotReserved::Turn)),
            ("refused", Some("window")) => Ok(Reserved::No(NotReserved::Window)),
            ("refused", Some("limit")) => Ok(Reserved::No(NotReserved::Limit)),
            _ => Err(QueueError::Unreadable),
        }
    }

    /// The rows were not committed after all: room and tokens go back, once.
    pub async fn unreserve(&self, jobs: &[(JobId, Vec<TokenReturn>)]) -> Result<()> {
        let keys = self.keys();
        let mut names = vec![keys.pulse(), keys.window(), keys.reserved(), keys.reservations()];
        let before = names.len();
        let mut args = Vec::with_capacity(jobs.len() * 8);
        for (job, returns) in jobs {
            args.push(Arg::Owned(job.to_string()));
            encode_returns(returns, before, &mut names, &mut args);
        }
        self.call(&scripts::UNRESERVE, &names, &args).await?;
        Ok(())
    }
}
