use std::collections::{HashMap, HashSet};
use std::time::Duration;

use domain::ids::{MessageId, SenderId, TenantId};
use domain::limits::{BucketKey, Scope, Shortages};
use domain::turns::{Demand, Turns};
use queue::LaneName;
use store::messages::{DueLane, DueRow, LaneLook};
use tokio::time::Instant;
use uuid::Uuid;

use super::lanes::{Lanes, SenderLane};
use super::plan::PASS_ROWS_MAX;

/// What the feeder remembers from one pass to the next. All of it can be found again.
#[derive(Default)]
pub struct State {
    pub lanes: Lanes,
    pub turns: Turns,
    pub shortages: Shortages,
    pub scanned_at: Option<Instant>,
    /// The last scan found lanes.
    pub scan_found: bool,
    pub generation: Option<Uuid>,
    pub limits_version: Option<i64>,
    /// The day of the quotas that refuse, and which.
    pub quota_day: i64,
    pub exhausted: HashMap<BucketKey, Exhausted>,
    /// Of the lanes looked at in this pass: the rows that are still there, and whether there may be more.
    seen: HashMap<(TenantId, SenderId, Box<str>), Seen>,
}

/// A quota that refuses: since when without a break, when last, and when Postgres was last asked about it.
#[derive(Debug, Clone, Copy)]
pub struct Exhausted {
    pub since: Duration,
    pub refused: Duration,
    pub counted: Duration,
}

#[derive(Default)]
struct Seen {
    left: HashSet<MessageId>,
    more: bool,
    looked: usize,
    moved: usize,
}

impl State {
    /// Redis began anew: it knows of no lane, and every bucket is empty.
    pub fn begin(&mut self, generation: Uuid) {
        self.generation = Some(generation);
        self.shortages.clear();
    }

    /// Who has rows that could go, and how many at most, whatever the fleet's own limit says. Whoever is parked is not
    /// among them, and comes back as an equal of whoever then has had least.
    pub fn demands(&self, now: Duration) -> Vec<Demand> {
        let demand = |(sender, lane): (SenderId, &SenderLane)| {
            let of = |bucket: BucketKey| self.shortages.most(now, &bucket);
            let in_rooms = || {
                let tokens = lane.rooms.iter().map(|room| of(BucketKey::Domain(lane.tenant, room.clone())));
                tokens.fold(0u32, u32::saturating_add)
            };
            let rows = if lane.fresh { PASS_ROWS_MAX } else { in_rooms().min(PASS_ROWS_MAX) };
            let rows = rows.min(of(BucketKey::Tenant(lane.tenant))).min(of(BucketKey::Sender(sender)));
            (rows > 0).then_some(Demand { tenant: lane.tenant, sender, rows })
        };
        self.lanes.iter().filter_map(demand).collect()
    }

    /// Takes note of what was found where.
    pub fn see(&mut self, looks: &[LaneLook], rows: &[DueRow]) {
        self.seen.clear();
        let mut by_priority: HashMap<(SenderId, &str, i16), u32> = HashMap::new();
        for row in rows {
            *by_priority.entry((row.sender, &row.room, row.priority.rank())).or_default() += 1;
            let seen = self.seen.entry((row.tenant, row.sender, row.room.clone())).or_default();
            seen.left.insert(row.message);
            seen.looked += 1;
        }
        for look in looks {
            let reached = (0..3).any(|rank| by_priority.get(&(look.sender, &*look.room, rank)) >= Some(&look.depth));
            self.seen.entry((look.tenant, look.sender, look.room.clone())).or_default().more = reached;
        }
    }

    /// A row left the lane it stood in: it was fed, or went into a room.
    pub fn left(&mut self, row: &DueRow, into_room: bool) {
        if let Some(seen) = self.seen.get_mut(&(row.tenant, row.sender, row.room.clone())) {
            seen.left.remove(&row.message);
            seen.moved += usize::from(into_room);
        }
        // A room that was looked at and found empty has a row now.
        if into_room && let Some(room) = self.seen.get_mut(&(row.tenant, row.sender, row.domain.clone())) {
            room.more = true;
        }
    }

    /// Lanes in which nothing is left are forgotten until a bell or a scan finds them again. Answers the fresh ones.
    pub fn forget_emptied(&mut self) -> Vec<LaneName> {
        let mut emptied = Vec::new();
        for ((tenant, sender, room), seen) in self.seen.drain() {
            if room.is_empty() {
                self.lanes.set_deep(sender, seen.more && seen.moved * 2 > seen.looked);
            }
            if seen.left.is_empty() && !seen.more {
                self.lanes.empty(tenant, sender, &room);
                if room.is_empty() {
                    emptied.push(LaneName { tenant, sender });
                }
            }
        }
        emptied
    }

    /// When there may be something to do: soon while anybody has tokens, else when the first bucket has one again.
    pub fn again_in(&self, now: Duration, soon: Duration, late: Duration) -> Option<Duration> {
        if self.lanes.is_empty() {
            return None;
        }
        let parked_until = |bucket: BucketKey| self.shortages.until(now, &bucket).unwrap_or(Duration::ZERO);
        let global = parked_until(BucketKey::Global);
        let first = self
            .lanes
            .iter()
            .map(|(sender, lane)| {
                let tokens_at = |room: &str| parked_until(BucketKey::Domain(lane.tenant, room.into()));
                let rows =
                    if lane.fresh { Some(Duration::ZERO) } else { lane.rooms.iter().map(|room| tokens_at(room)).min() };
                let shared = parked_until(BucketKey::Tenant(lane.tenant)).max(parked_until(BucketKey::Sender(sender)));
                rows.unwrap_or(Duration::ZERO).max(shared).max(global)
            })
            .min()?;
        Some(first.saturating_sub(now).clamp(soon, late))
    }

    /// Measures what a scan found.
    pub fn tell(&self, found: &[DueLane], now: Duration) {
        let short = |bucket: BucketKey| self.shortages.most(now, &bucket) == 0;
        let parked = |lane: &&DueLane| {
            lane.paused
                || short(BucketKey::Global)
                || short(BucketKey::Tenant(lane.tenant))
                || short(BucketKey::Sender(lane.sender))
                || (!lane.room.is_empty() && short(BucketKey::Domain(lane.tenant, lane.room.clone())))
        };
        let oldest = found.iter().filter(|lane| !parked(lane)).map(|lane| lane.oldest_due_secs).fold(0.0, f64::max);
        metrics::gauge!("postfleet_oldest_runnable_seconds").set(oldest);
        for scope in Scope::ALL {
            let of_scope = || self.shortages.parked(now).filter(|(bucket, _)| bucket.scope() == scope);
            let longest = of_scope().map(|(_, since)| since.as_secs_f64()).fold(0.0, f64::max);
            metrics::gauge!("postfleet_limit_parked", "scope" => scope.as_str()).set(of_scope().count() as f64);
            metrics::gauge!("postfleet_limit_parked_seconds", "scope" => scope.as_str()).set(longest);
        }
    }
}
