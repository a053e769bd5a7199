use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use async_trait::async_trait;
use domain::ids::{JobId, TenantId, TimerId};
use domain::jobs::{JOB_ROWS_MAX, PoolName, TimeoutJob};
use domain::window::tenant_share;
use queue::leader::Caps;
use queue::{JobPush, QueueLink, QueueName, not_pushed};
use store::{LedgerRow, Term};
use uuid::Uuid;

use crate::drain::MeasuredDrain;
use crate::{Parts, Reconciler, Report};

const EVERY: Duration = Duration::from_secs(1);
/// While more is due than the window holds.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// Rows looked at of each tenant in one pass.
const LOOK_MAX: u32 = 2_000;
/// Timers that once crashed, fed alone, in one pass.
const CRASHED_PER_PASS: i64 = 10;

/// Hands due timers to Redis, within a window of their own: about as many as workers tell in a second. Tenants take turns.
pub struct FeedTimers {
    parts: Parts,
    queue: QueueLink,
    pool: PoolName,
    drain: MeasuredDrain,
}

impl FeedTimers {
    pub fn new(parts: Parts) -> Self {
        let queue = parts.queue.of_queue(QueueName::Timeout);
        Self { queue, pool: PoolName::timeout_shared(), drain: MeasuredDrain::default(), parts }
    }

    async fn feed(&self, term: Term, rows: Vec<LedgerRow>, alone: bool) -> anyhow::Result<u64> {
        let per_job = if alone { 1 } else { JOB_ROWS_MAX };
        let jobs = cut(rows, per_job, || self.parts.ids.next());
        let given: Vec<(Uuid, JobId)> =
            jobs.iter().flat_map(|(job, _, rows)| rows.iter().map(|row| (*row, *job))).collect();
        if given.is_empty() {
            return Ok(0);
        }
        let ledger = self.parts.store.timers().ledger();
        let fed: HashSet<Uuid> = ledger.feed(term, &given).await?;
        failpoint::hold("feeder.timers_fed").await;
        let mut pushes = Vec::with_capacity(jobs.len());
        for (id, tenant, rows) in jobs {
            let rows: Vec<TimerId> = rows.into_iter().filter(|row| fed.contains(row)).map(TimerId).collect();
            if !rows.is_empty() {
                let job = TimeoutJob { id, pool: self.pool.clone(), tenant, rows, alone };
                pushes.push(JobPush { sender_max: u32::MAX >> 1, job });
            }
        }
        let answers = self.queue.push(&self.pool, &pushes).await;
        let back = not_pushed(&pushes, answers.as_deref().ok());
        let returned: u64 = back.iter().map(|job| job.rows.len() as u64).sum();
        for job in back {
            let rows: Vec<Uuid> = job.rows.iter().map(|row| row.uuid()).collect();
            ledger.hand_back(job.id, &rows).await?;
        }
        answers?;
        Ok(fed.len() as u64 - returned)
    }
}

/// Rows as jobs, of one tenant each.
fn cut(rows: Vec<LedgerRow>, most: usize, mut next_id: impl FnMut() -> JobId) -> Vec<(JobId, TenantId, Vec<Uuid>)> {
    let mut jobs: Vec<(JobId, TenantId, Vec<Uuid>)> = Vec::new();
    let mut open: HashMap<TenantId, usize> = HashMap::new();
    for row in rows {
        let at = open.get(&row.tenant()).copied().filter(|at| jobs[*at].2.len() < most).unwrap_or_else(|| {
            jobs.push((next_id(), row.tenant(), Vec::new()));
            jobs.len() - 1
        });
        open.insert(row.tenant(), at);
        jobs[at].2.push(row.id);
    }
    jobs
}

/// The oldest of each tenant in turn, until there are so many in all; nobody gets more than its share.
fn take_turns(rows: Vec<LedgerRow>, most: usize, share: impl Fn(usize) -> usize) -> Vec<LedgerRow> {
    let mut order: Vec<TenantId> = Vec::new();
    let mut lanes: HashMap<TenantId, VecDeque<LedgerRow>> = HashMap::new();
    for row in rows {
        lanes.entry(row.tenant()).or_insert_with(|| {
            order.push(row.tenant());
            VecDeque::new()
        });
        lanes.entry(row.tenant()).and_modify(|lane| lane.push_back(row));
    }
    let (share, mut taken) = (share(order.len()), Vec::new());
    for _ in 0..share {
        let before = taken.len();
        for tenant in &order {
            if taken.len() < most
                && let Some(row) = lanes.get_mut(tenant).and_then(VecDeque::pop_front)
            {
                taken.push(row);
            }
        }
        if taken.len() == before {
            break;
        }
    }
    taken
}

#[async_trait]
impl Reconciler for FeedTimers {
    fn name(&self) -> &'static str {
        "feed_timers"
    }

    fn every(&self) -> Duration {
        EVERY
    }

    async fn run_once(&self) -> anyhow::Result<Report> {
        let Some(term) = self.parts.term_in_step() else { return Ok(Report::default()) };
        if !self.parts.may_find(|signs| signs.timers) {
            return Ok(Report::default());
        }
        self.drain.add(&self.queue.take_drained().await?);
        let window = self.drain.window();
        let ledger = self.parts.store.timers().ledger();
        let alone = ledger.crashed_rows_all_tenants(CRASHED_PER_PASS).await?;
        let occupancy = self.queue.occupancy(&Caps { window, tenant: window, senders: Vec::new() }).await?;
        let room = window.saturating_sub(occupancy.rows);
        if room == 0 {
            return Ok(Report { again_in: Some(LOOK_AGAIN), ..Report::default() });
        }
        let due = ledger.due_rows_all_tenants(i64::from(room.min(LOOK_MAX))).await?;
        let late = due.iter().map(|row| row.late_secs).fold(0.0, f64::max);
        metrics::gauge!("postfleet_timers_late_seconds").set(late);
        let found = due.len();
        let share = |tenants| tenant_share(window, tenants > 1) as usize;
        let taken = take_turns(due, room as usize, share);
        let more = found > 0 && (taken.len() < found || found as u32 >= room.min(LOOK_MAX));
        let fed = self.feed(term, taken, false).await?;
        let fed_alone = self.feed(term, alone, true).await?;
        let again_in = more.then_some(LOOK_AGAIN);
        Ok(Report { again_in, ..Report::default().count("fed", fed).count("fed_alone", fed_alone) })
    }
}

#[cfg(test)]
#[path = "feed_timers_tests.rs"]
mod tests;
