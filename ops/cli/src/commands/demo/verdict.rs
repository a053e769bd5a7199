use std::collections::HashSet;

use domain::ids::MessageId;
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::chaos::{COMMITTING_MIN, Events, KILLS, QUEUED_MIN};
use crate::stack::Stack;

/// What came of the messages, by our rows and by the sink's own log.
#[derive(Debug, Serialize)]
pub struct Verdict {
    pub messages: u32,
    pub accepted: u64,
    pub uncertain: u64,
    /// Rows neither final nor shown as uncertain, and accepted rows that the sink never took.
    pub lost: u64,
    /// Messages that the sink took more than once.
    pub duplicates: u64,
    /// The longest of the kills.
    pub recovered_after_kill_s: f64,
    pub recovered_after_flush_s: f64,
    pub committing_at_kills: i64,
    pub per_second: f64,
    /// Whether every disaster met a busy fleet; a load below the usual may be through before.
    #[serde(skip)]
    pub staged: bool,
}

/// A load of this size keeps the fleet busy for all of its disasters.
const STAGED_FROM: u32 = 5_000;
const KILL_WITHIN_S: f64 = 15.0;
const FLUSH_WITHIN_S: f64 = 5.0;

impl Verdict {
    pub fn holds(&self) -> bool {
        (self.staged || self.messages < STAGED_FROM)
            && self.lost == 0
            && self.duplicates == 0
            && self.uncertain <= self.committing_at_kills.unsigned_abs()
            && self.recovered_after_kill_s <= KILL_WITHIN_S
            && self.recovered_after_flush_s <= FLUSH_WITHIN_S
    }
}

pub async fn judge(stack: &Stack, messages: u32, events: &Events, sending_secs: f64) -> anyhow::Result<Verdict> {
    let mut connection = PgConnection::connect(&stack.stores.database_url).await?;
    let rows: Vec<(Uuid, String)> =
        sqlx::query_as("SELECT message_id, state FROM message_runs").fetch_all(&mut connection).await?;
    let taken = stack.sink.accepted()?;
    let state_is = |wanted: &'static str| rows.iter().filter(move |(_, state)| state == wanted);
    let missing = u64::from(messages).saturating_sub(rows.len() as u64);
    let unsettled =
        rows.iter().filter(|(_, state)| matches!(state.as_str(), "scheduled" | "queued" | "committing")).count();
    let not_in_log = state_is("accepted").filter(|(id, _)| !taken.contains_key(&MessageId(*id).to_string())).count();
    let known: HashSet<String> = rows
        .iter()
        .filter(|(_, state)| matches!(state.as_str(), "accepted" | "uncertain" | "unknown"))
        .map(|(id, _)| MessageId(*id).to_string())
        .collect();
    let strangers = taken.keys().filter(|id| !known.contains(*id)).count();
    anyhow::ensure!(strangers == 0, "the sink took {strangers} messages that we show as never sent");
    let longest = events.kills.iter().map(|(_, seconds)| *seconds).fold(0.0, f64::max);
    Ok(Verdict {
        messages,
        accepted: state_is("accepted").count() as u64,
        uncertain: state_is("uncertain").count() as u64,
        lost: missing + unsettled as u64 + not_in_log as u64,
        duplicates: taken.values().filter(|count| **count > 1).count() as u64,
        recovered_after_kill_s: hundredths(longest),
        recovered_after_flush_s: hundredths(events.flush.map_or(0.0, |(_, seconds)| seconds)),
        committing_at_kills: events.kills.iter().map(|(committing, _)| committing).sum(),
        staged: events.kills.len() == KILLS as usize
            && events.kills.iter().all(|(committing, _)| *committing >= COMMITTING_MIN)
            && events.flush.is_some_and(|(queued, _)| queued >= QUEUED_MIN),
        per_second: (taken.len() as f64 / sending_secs).round(),
    })
}

fn hundredths(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}
