//! Rounds of faults, and how long the fleet takes to get over each.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use serde::Serialize;
use tokio::task::block_in_place;

use crate::arena::Arena;
use crate::faults::{Done, inflict};
use crate::kind::{Kind, Sign};
use crate::plan::{Plan, Round};
use crate::report;

/// The worst of a kind.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Recovery {
    pub times: u32,
    /// How many of them could be timed: a victim may have had nothing in its hands.
    pub timed: u32,
    pub worst_s: f64,
}

/// What happened in all rounds.
#[derive(Debug, Default)]
pub struct Events {
    pub faults: u32,
    pub recoveries: BTreeMap<Kind, Recovery>,
    /// What must not be: a process that ended by itself, a recovery that took too long.
    pub broken: Vec<String>,
}

/// From a kill to the first of the victim's messages that the sink takes from another; from an outage's end to the
/// first that leaves. A lease and a heartbeat are waited for, 10 s each and at once.
const RECOVERED_WITHIN: Duration = Duration::from_secs(15);
/// It is waited for a little longer, to know by how much.
const WAITED_FOR: Duration = Duration::from_secs(25);
const LOOK_EVERY: Duration = Duration::from_millis(20);
const SNAPSHOTS: usize = 3;

pub async fn run_rounds(arena: &Arena, seed: u64, until: Instant) -> anyhow::Result<Events> {
    let mut events = Events::default();
    for round in Plan::new(seed) {
        tokio::time::sleep(round.pause).await;
        if Instant::now() >= until {
            break;
        }
        keep_snapshot(arena).await?;
        let mut done = inflict_all(arena, &round).await?;
        done.sort_by_key(|one| one.began);
        for one in &done {
            events.faults += 1;
            let recovered = until_recovered(arena, one, &done).await;
            report::fault(arena, one, recovered);
            note(&mut events, one, recovered);
        }
        events.broken.extend(arena.ended_by_themselves().await?);
    }
    Ok(events)
}

async fn inflict_all(arena: &Arena, round: &Round) -> anyhow::Result<Vec<Done>> {
    try_join_all(round.faults.iter().map(|planned| inflict(arena, planned))).await
}

async fn keep_snapshot(arena: &Arena) -> anyhow::Result<()> {
    let redis = arena.redis.lock().await;
    let snapshot = block_in_place(|| redis.snapshot())?;
    let mut snapshots = arena.snapshots.lock().await;
    snapshots.push(snapshot);
    if snapshots.len() > SNAPSHOTS {
        snapshots.remove(0);
    }
    Ok(())
}

/// How a fault was got over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Recovered {
    After(Duration),
    /// There was nothing to be got over, or nothing left to show it by.
    Untold,
    Never,
}

/// Where faults overlapped, the clock of each starts anew when the last of the others has ended.
async fn until_recovered(arena: &Arena, one: &Done, all: &[Done]) -> Recovered {
    let own = if one.kind.counts_from_its_beginning() { one.began } else { one.ended };
    let others = all.iter().filter(|other| other.kind != one.kind).map(|other| other.ended).max();
    let last = others.map_or(own, |others| others.max(own));
    if one.sign() == Sign::InHand && one.in_hand.is_empty() {
        return Recovered::Untold;
    }
    while last.elapsed() < WAITED_FOR {
        if let Some(at) = seen_since(arena, one, own) {
            return Recovered::After(at - if at > last { last } else { own });
        }
        if is_idle(arena, one).await.unwrap_or(false) {
            return Recovered::Untold;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Recovered::Never
}

fn seen_since(arena: &Arena, one: &Done, from: Instant) -> Option<Instant> {
    match one.sign() {
        Sign::InHand => arena.signals.any_taken_since(&one.in_hand, from),
        // What the sink takes before had left when the fault was still there.
        Sign::Taken => arena.signals.taken_since(from + arena.sink_answers_after),
        Sign::Answered => arena.signals.answered_since(from),
        Sign::Beat => arena.signals.beat_since(from),
    }
}

/// Whether there is no message that could show it: none is due, or none of the victim's is open.
async fn is_idle(arena: &Arena, one: &Done) -> anyhow::Result<bool> {
    let open = match one.sign() {
        Sign::Beat => return Ok(false),
        Sign::Answered => arena.signals.count_answered() < arena.messages as usize,
        Sign::Taken => {
            let open = "SELECT EXISTS (SELECT 1 FROM message_runs WHERE state IN ('queued', 'committing')
                                       OR (state = 'scheduled' AND run_at <= postfleet_now()))";
            arena.signals.count_answered() < arena.messages as usize
                || sqlx::query_scalar(open).fetch_one(&mut arena.connection().await?).await?
        }
        Sign::InHand => {
            let open =
                "SELECT EXISTS (SELECT 1 FROM message_runs WHERE 'msg_' || replace(message_id::text, '-', '') = ANY($1)
                                       AND (state IN ('queued', 'committing')
                                            OR (state = 'scheduled' AND run_at <= postfleet_now())))";
            let in_hand: Vec<&String> = one.in_hand.iter().collect();
            sqlx::query_scalar(open).bind(in_hand).fetch_one(&mut arena.connection().await?).await?
        }
    };
    Ok(!open)
}

fn note(events: &mut Events, one: &Done, recovered: Recovered) {
    let recovery = events.recoveries.entry(one.kind).or_default();
    recovery.times += 1;
    let took = match recovered {
        Recovered::Untold => return,
        Recovered::After(took) => took,
        Recovered::Never => WAITED_FOR,
    };
    recovery.timed += 1;
    recovery.worst_s = recovery.worst_s.max((took.as_secs_f64() * 100.0).round() / 100.0);
    if took > RECOVERED_WITHIN {
        events.broken.push(format!("{}: got over after {:.1} s", one.what, took.as_secs_f64()));
    }
}
