//! The oracle: what our rows say and what the sink's own log says, against what the API promised.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::PoisonError;

use domain::ids::MessageId;
use serde::Serialize;
use uuid::Uuid;

use crate::arena::Arena;
use crate::kind::Kind;
use crate::load::Promises;
use crate::round::{Events, Recovery};

#[derive(Debug, Serialize)]
pub struct Verdict {
    pub seed: u64,
    pub messages: u32,
    /// Rows that say so.
    pub accepted: usize,
    /// Answered with a 2xx and neither final nor shown as uncertain; or shown as accepted, and not in the sink's log.
    pub lost: usize,
    /// Recipients whose one message the sink took more than once.
    pub duplicates: usize,
    /// Rows still scheduled, queued or committing.
    pub stuck: usize,
    pub uncertain: usize,
    /// Messages, each counted once, that a fault may have put in doubt: past the point of no return in a worker's hands
    /// at the instant it was frozen (to be killed, or for a while), or answered by the sink so that nobody can tell.
    pub committing_at_kills: usize,
    pub recoveries: BTreeMap<Kind, Recovery>,
    pub faults: u32,
    /// Answered with a 2xx, each message once.
    pub answered: usize,
    pub failed: usize,
    pub quarantined: usize,
    /// What else must not be, in words.
    pub broken: Vec<String>,
}

impl Verdict {
    pub fn holds(&self) -> bool {
        self.lost + self.duplicates + self.stuck == 0
            && self.uncertain <= self.committing_at_kills
            && self.broken.is_empty()
    }
}

store::row! {
    /// A message as our rows have it.
    struct Row {
        message_id: Uuid,
        state: String,
        to_address: String,
        from_address: String,
        /// Committed, refused, or recorded otherwise at least once.
        tried: bool,
    }
}

const FINAL: [&str; 8] =
    ["accepted", "failed", "suppressed", "canceled", "unknown", "quarantined", "uncertain", "missing"];

pub async fn judge(
    arena: &Arena,
    seed: u64,
    messages: u32,
    promises: &Promises,
    events: Events,
) -> anyhow::Result<Verdict> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT r.message_id, r.state, m.to_address, s.address AS from_address,
                r.attempt_id IS NOT NULL OR r.tries > 0
                OR EXISTS (SELECT 1 FROM message_attempts a WHERE a.message_id = r.message_id) AS tried
         FROM message_runs r JOIN messages m ON m.id = r.message_id JOIN senders s ON s.id = r.sender_id",
    )
    .fetch_all(&mut arena.connection().await?)
    .await?;
    let rows: HashMap<String, Row> = rows.into_iter().map(|row| (MessageId(row.message_id).to_string(), row)).collect();
    let promises = promises.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let taken: Vec<_> = arena.sink.events()?.into_iter().filter(|event| event.event == "accepted").collect();
    let taken_ids: HashSet<&str> = taken.iter().filter_map(|event| event.message.as_deref()).collect();
    let mut per_recipient: HashMap<&str, usize> = HashMap::new();
    for event in &taken {
        *per_recipient.entry(event.to.as_deref().unwrap_or_default()).or_default() += 1;
    }

    let state = |id: &str| rows.get(id).map_or("missing", |row| row.state.as_str());
    let count = |wanted: &str| rows.values().filter(|row| row.state == wanted).count();
    let lost = promises
        .keys()
        .filter(|id| {
            let state = state(id);
            state == "missing" || !FINAL.contains(&state) || (state == "accepted" && !taken_ids.contains(id.as_str()))
        })
        .count();
    let doubts = arena.doubts();
    let in_doubt = |(id, row): (&String, &Row)| doubts.contains_key(id) || doubts.contains_key(&row.to_address);
    let mut broken = events.broken;
    for (id, row) in rows.iter().filter(|(id, row)| row.state == "uncertain" && !in_doubt((id, row))) {
        broken.push(format!("{id} to {} is uncertain, and no fault touched it", row.to_address));
    }
    for event in &taken {
        let id = event.message.as_deref().unwrap_or_default();
        if !matches!(state(id), "accepted" | "uncertain" | "unknown") {
            broken.push(format!("{id} was taken and is shown as {}", state(id)));
        }
        let row = rows.get(id).map(|row| (row.to_address.as_str(), row.from_address.as_str()));
        if row != Some((event.to.as_deref().unwrap_or_default(), event.from.as_deref().unwrap_or_default())) {
            broken.push(format!("{id} was taken from or to somebody else: {event:?}"));
        }
    }
    for (id, promise) in &promises {
        if rows.get(id).is_some_and(|row| row.to_address != promise.to || row.from_address != promise.from) {
            broken.push(format!("{id} is not what was promised: {promise:?}"));
        }
    }
    let untried =
        rows.values().filter(|row| row.state != "suppressed" && row.state != "canceled" && !row.tried).count();
    if untried > 0 && count("scheduled") + count("queued") == 0 {
        broken.push(format!("{untried} are final without a try"));
    }
    if promises.len() != messages as usize || rows.len() != messages as usize {
        broken.push(format!("{} promises and {} rows for {messages} messages", promises.len(), rows.len()));
    }
    Ok(Verdict {
        seed,
        messages,
        accepted: count("accepted"),
        lost,
        duplicates: per_recipient.values().filter(|times| **times > 1).count(),
        stuck: count("scheduled") + count("queued") + count("committing"),
        uncertain: count("uncertain"),
        committing_at_kills: rows.iter().filter(|row| in_doubt(*row)).count(),
        recoveries: events.recoveries,
        faults: events.faults,
        answered: promises.len(),
        failed: count("failed"),
        quarantined: count("quarantined"),
        broken,
    })
}
