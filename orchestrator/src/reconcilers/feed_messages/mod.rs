//! Hands due rows to Redis within the limits.

mod asking;
mod hand_out;
mod lanes;
mod note_lanes;
mod plan;
mod sort_rows;
mod state;

use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::Duration;

use async_trait::async_trait;
use domain::ids::{JobId, SenderId};
use domain::jobs::PoolName;
use domain::window::tenant_share;
use queue::leader::Caps;
use store::Term;
use tokio::sync::Mutex;
use tokio::time::Instant;

use self::note_lanes::Noted;
use self::plan::{WindowRoom, plan};
use self::sort_rows::{looks, sort_rows};
use self::state::State;
use crate::bell::Bell;
use crate::{Parts, Reconciler, Report};

const EVERY: Duration = Duration::from_secs(1);
/// Finding lanes skips through the whole index, so it is done at most this often; bells fill the time between.
const SCAN_EVERY: Duration = Duration::from_secs(1);
/// While lanes wait for room that no bell may announce, or for tokens that come by the millisecond.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Between the end of a pass and the next one that a bell asks for.
const REST: Duration = Duration::from_millis(5);
/// Rows that once crashed, fed alone, at one scan.
const CRASHED_PER_SCAN: usize = 10;

/// Hands due rows to Redis: as many as the window has room and the limits have tokens for, shared among tenants and
/// their senders. A sender without tokens parks itself, a tenant or the fleet without tokens parks that scope, and rows
/// to a recipient domain without tokens step aside into its waiting room.
pub struct FeedMessages {
    parts: Parts,
    pool: PoolName,
    state: Mutex<State>,
    bell: Bell,
    /// Shortages are measured from here.
    started: Instant,
    passed: std::sync::Mutex<Option<Passed>>,
}

/// The last pass.
struct Passed {
    ended: Instant,
    full: HashSet<SenderId>,
}

impl FeedMessages {
    pub fn new(parts: Parts) -> Self {
        let bell = Bell::listening_on(&parts.queue);
        Self {
            pool: PoolName::send_shared(),
            state: Mutex::default(),
            bell,
            started: Instant::now(),
            passed: std::sync::Mutex::default(),
            parts,
        }
    }

    /// Lanes with due rows: from a scan, from the bell, and those that a producer found waiting.
    async fn find_lanes(&self, state: &mut State) -> anyhow::Result<bool> {
        let due = state.scanned_at.is_none_or(|at| at.elapsed() >= SCAN_EVERY);
        // A lost ring for the first row of all is made good one beat later.
        let scan = due && (state.scan_found || self.parts.may_find(|signs| signs.scheduled));
        if scan {
            self.scan(state).await?;
        } else if due {
            state.tell(&[], self.started.elapsed());
        }
        state.lanes.add(self.bell.take());
        Ok(scan)
    }

    async fn scan(&self, state: &mut State) -> anyhow::Result<()> {
        let found = self.parts.store.messages().due_lanes_all_tenants().await?;
        state.tell(&found, self.started.elapsed());
        state.scan_found = !found.is_empty();
        state.lanes.replace(found);
        state.scanned_at = Some(Instant::now());
        Ok(())
    }

    /// Answers how many rows were fed, and who has rows and tokens and got no room.
    async fn feed(&self, term: Term, state: &mut State) -> anyhow::Result<(u64, HashSet<SenderId>)> {
        let caps = self.caps(state);
        let occupancy = self.parts.queue.occupancy(&caps).await?;
        let (generation, _) = self.parts.queue.pulse().get();
        if state.generation != Some(generation) {
            // What was queued before is due again, also in lanes that were empty a moment ago.
            self.scan(state).await?;
            state.begin(generation);
        }
        state.lanes.add(occupancy.backlog.iter().copied());
        let noted = Noted {
            lanes: occupancy.backlog.into_iter().collect(),
            rooms: occupancy.rooms_noted.into_iter().collect(),
        };
        if state.limits_version != self.parts.limits.version() {
            state.shortages.clear();
            state.limits_version = self.parts.limits.version();
        }
        let now = self.started.elapsed();
        state.shortages.forget_full(now);
        let room = WindowRoom {
            window: caps.window,
            tenant: caps.tenant,
            senders: caps.senders.into_iter().collect(),
            rows: occupancy.rows,
            by_tenant: occupancy.by_tenant,
            by_sender: occupancy.by_sender,
        };
        let demands = state.demands(now);
        state.turns.enter(&demands);
        let planned = plan(&demands, &state.lanes, &state.turns, &state.shortages, now, room.clone());
        let looks = looks(&planned, &state.lanes, &state.shortages, now);
        let looked: HashSet<SenderId> = looks.iter().map(|look| look.sender).collect();
        let full = demands.iter().map(|demand| demand.sender).filter(|sender| !looked.contains(sender)).collect();
        if looks.is_empty() {
            self.note_lanes(&state.lanes, &[], &noted).await?;
            return Ok((0, full));
        }
        let rows = self.parts.store.messages().due_rows(&looks).await?;
        state.see(&looks, &rows);
        let sorted = sort_rows(rows, &planned, &state.lanes, &state.turns, &state.shortages, now);
        let fed = self.hand_out(term, state, sorted, &room.senders).await;
        // Also after a failure: what was moved or fed before it must not be looked for in the wrong place.
        let emptied = state.forget_emptied();
        self.note_lanes(&state.lanes, &emptied, &noted).await?;
        Ok((fed?, full))
    }

    fn caps(&self, state: &State) -> Caps {
        let window = self.parts.drain.window();
        let mut tenants: Vec<_> = state.lanes.iter().map(|(_, lane)| lane.tenant).collect();
        tenants.sort_unstable();
        tenants.dedup();
        let share =
            |(sender, lane): (_, &lanes::SenderLane)| (sender, self.parts.drain.sender_share(sender, lane.connections));
        let senders = state.lanes.iter().map(share).collect();
        Caps { window, tenant: tenant_share(window, tenants.len() > 1), senders }
    }

    /// A lone ring is answered at once; a thousand of them a second share passes. Who got no room in the last one is
    /// looked at again anyway, and need not be for every ring.
    fn rest_left(&self) -> Duration {
        let passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        passed.as_ref().map_or(Duration::ZERO, |passed| {
            let rest = if self.bell.rung_only_for(&passed.full) { LOOK_AGAIN } else { REST };
            rest.saturating_sub(passed.ended.elapsed())
        })
    }

    async fn feed_crashed(&self, term: Term) -> anyhow::Result<u64> {
        let ids: Vec<JobId> = (0..CRASHED_PER_SCAN).map(|_| self.parts.ids.next()).collect();
        let fed = self.parts.store.messages().feed_crashed(term, &ids).await?;
        if fed.is_empty() { Ok(0) } else { self.hand_out_alone(&fed).await }
    }
}

#[async_trait]
impl Reconciler for FeedMessages {
    fn name(&self) -> &'static str {
        "feed_messages"
    }

    fn every(&self) -> Duration {
        EVERY
    }

    async fn run_once(&self) -> anyhow::Result<Report> {
        let Some(term) = self.parts.term_in_step() else {
            // A leader is in step again in a moment, and the fleet is idle until then.
            let again_in = self.parts.leadership.term().map(|_| LOOK_AGAIN);
            return Ok(Report { again_in, ..Report::default() });
        };
        let mut state = self.state.lock().await;
        let scanned = self.find_lanes(&mut state).await?;
        let crashed = scanned && self.parts.may_find(|signs| signs.crashed);
        let alone = if crashed { self.feed_crashed(term).await? } else { 0 };
        let (fed, full) = self.feed(term, &mut state).await?;
        let passed = Passed { ended: Instant::now(), full };
        *self.passed.lock().unwrap_or_else(PoisonError::into_inner) = Some(passed);
        let again_in = state.again_in(self.started.elapsed(), LOOK_AGAIN, EVERY);
        Ok(Report { again_in, ..Report::default().count("fed", fed).count("fed_alone", alone) })
    }

    async fn rung(&self) {
        self.bell.rung_and_rested(|| self.rest_left()).await;
    }
}

#[cfg(test)]
mod simulation_tests;
