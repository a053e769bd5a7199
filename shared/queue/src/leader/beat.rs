use std::collections::HashMap;

use domain::ids::SenderId;
use link::Arg;

use crate::{QueueError, QueueLink, Result, scripts};

/// What the leader's pulse met.
#[derive(Debug, Clone, PartialEq)]
pub enum Beat {
    Raised(Drained),
    /// Emptied, restored from an old copy, or of another generation.
    Lost(&'static str),
    /// Redis is ahead of Postgres: another leader, or Postgres itself went back.
    Ahead(i64),
}

/// Rows settled since the last beat.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Drained {
    pub rows: u32,
    pub by_sender: HashMap<SenderId, u32>,
}

impl QueueLink {
    /// Raises the beat to `beat`. `lowest` is what Redis must have at least.
    pub async fn beat(&self, lowest: i64, beat: i64) -> Result<Beat> {
        let keys = self.keys();
        let (generation, _) = self.pulse().get();
        let names = [keys.pulse(), keys.window(), keys.reserved(), keys.reservations(), keys.drained()];
        let args = [Arg::Owned(generation.simple().to_string()), Arg::Number(lowest), Arg::Number(beat)];
        let answer = self.invoke(&scripts::BEAT, &names, &args).await?;
        match answer.status.as_str() {
            "ok" => {
                self.pulse().saw(generation, beat);
                Ok(Beat::Raised(drained(&answer.rest)))
            }
            "empty" => Ok(Beat::Lost("it is empty")),
            "another" => Ok(Beat::Lost("it has another generation")),
            "rolled_back" => Ok(Beat::Lost("it went back in time")),
            "ahead" => Ok(Beat::Ahead(answer.beat.ok_or(QueueError::Unreadable)?)),
            _ => Err(QueueError::Unreadable),
        }
    }
}

pub(super) fn drained(parts: &[String]) -> Drained {
    let mut drained = Drained::default();
    for pair in parts.chunks_exact(2) {
        let rows = pair[1].parse().unwrap_or(0);
        if let Some(sender) = pair[0].strip_prefix("s:").and_then(|id| id.parse().ok()) {
            drained.by_sender.insert(sender, rows);
        } else if pair[0] == "rows" {
            drained.rows = rows;
        }
    }
    drained
}
