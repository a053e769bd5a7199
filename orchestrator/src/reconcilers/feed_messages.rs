use std::collections::{HashMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use domain::ids::{JobId, MessageId, SenderId};
use domain::jobs::{PoolName, SendJob};
use domain::messages::Priority;
use domain::senders::CONNECTIONS_DEFAULT;
use domain::window::tenant_share;
use queue::leader::Caps;
use queue::{JobPush, LaneName, not_pushed};
use store::Term;
use store::messages::{FedRow, FeedRequest, Lane};
use tokio::sync::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

use super::feed_plan::{Room, plan};
use crate::bell::Bell;
use crate::{Parts, Reconciler, Report};

const EVERY: Duration = Duration::from_secs(1);
/// Finding lanes skips through the whole index, so it is done at most this often; bells fill the time between.
const SCAN_EVERY: Duration = Duration::from_secs(1);
/// While lanes wait for room that no bell may announce.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const ROWS_PER_JOB: u32 = 25;
/// Rows that once crashed, fed alone, at one scan.
const CRASHED_PER_SCAN: usize = 10;

/// Hands due rows to Redis: as many as the window has room for, shared among tenants and their senders.
pub struct FeedMessages {
    parts: Parts,
    pool: PoolName,
    state: Mutex<State>,
    bell: Bell,
}

#[derive(Default)]
struct State {
    lanes: Vec<Lane>,
    scanned_at: Option<Instant>,
    generation: Option<Uuid>,
    turn: usize,
}

impl FeedMessages {
    pub fn new(parts: Parts) -> Self {
        Self { pool: PoolName::send_shared(), state: Mutex::default(), bell: Bell::listening_on(&parts.queue), parts }
    }

    /// Lanes with due rows: from a scan, from the bell, and those that a producer found waiting.
    async fn find_lanes(&self, state: &mut State) -> anyhow::Result<bool> {
        let scan = state.scanned_at.is_none_or(|at| at.elapsed() >= SCAN_EVERY);
        if scan {
            state.lanes = self.parts.store.messages().due_lanes_all_tenants().await?;
            state.scanned_at = Some(Instant::now());
        }
        add_lanes(&mut state.lanes, self.bell.take());
        Ok(scan)
    }

    async fn feed(&self, term: Term, state: &mut State) -> anyhow::Result<u64> {
        let caps = self.caps(&state.lanes);
        let occupancy = self.parts.queue.occupancy(&caps).await?;
        let (generation, _) = self.parts.queue.pulse().get();
        if state.generation != Some(generation) {
            // What was queued before is due again, also in lanes that were empty a moment ago.
            state.lanes = self.parts.store.messages().due_lanes_all_tenants().await?;
            state.generation = Some(generation);
        }
        let noted: HashSet<LaneName> = occupancy.backlog.iter().copied().collect();
        add_lanes(&mut state.lanes, noted.iter().copied());
        let room = Room {
            window: caps.window,
            tenant: caps.tenant,
            rows: occupancy.rows,
            by_tenant: occupancy.by_tenant,
            by_sender: occupancy.by_sender,
        };
        let sender_caps: HashMap<SenderId, u32> = caps.senders.into_iter().collect();
        state.turn = state.turn.wrapping_add(1);
        let planned = plan(&state.lanes, &sender_caps, room, state.turn);
        if planned.is_empty() {
            return Ok(0);
        }
        let requests: Vec<FeedRequest> = planned
            .into_iter()
            .map(|(lane, take)| {
                let jobs = (0..take.div_ceil(ROWS_PER_JOB)).map(|_| self.parts.ids.next()).collect();
                FeedRequest { lane, take, jobs }
            })
            .collect();
        let fed = self.parts.store.messages().feed_messages(term, &requests, ROWS_PER_JOB).await?;
        let pushed = self.push(&fed, false, &sender_caps).await;
        self.note_lanes(state, &requests, &fed, &noted).await?;
        pushed
    }

    fn caps(&self, lanes: &[Lane]) -> Caps {
        let window = self.parts.drain.window();
        let tenants: HashSet<_> = lanes.iter().map(|lane| lane.tenant).collect();
        let share = |lane: &Lane| (lane.sender, self.parts.drain.sender_share(lane.sender, lane.connections));
        Caps { window, tenant: tenant_share(window, tenants.len() > 1), senders: lanes.iter().map(share).collect() }
    }

    /// A lane that gave less than was asked is empty: its next message may be pushed at once. The others wait in line.
    async fn note_lanes(
        &self,
        state: &mut State,
        requests: &[FeedRequest],
        fed: &[FedRow],
        noted: &HashSet<LaneName>,
    ) -> anyhow::Result<()> {
        let mut given: HashMap<SenderId, u32> = HashMap::new();
        for row in fed {
            *given.entry(row.sender).or_default() += 1;
        }
        let emptied: HashSet<LaneName> = requests
            .iter()
            .filter(|request| given.get(&request.lane.sender).copied().unwrap_or(0) < request.take)
            .map(|request| name(&request.lane))
            .collect();
        state.lanes.retain(|lane| !emptied.contains(&name(lane)));
        self.parts.queue.clear_backlog(&Vec::from_iter(emptied)).await?;
        let fresh: Vec<LaneName> = state.lanes.iter().map(name).filter(|lane| !noted.contains(lane)).collect();
        self.parts.queue.note_backlog(&fresh).await?;
        Ok(())
    }

    /// Pushes what was fed. What finds no room after all, or may not have arrived, goes back at once.
    async fn push(&self, fed: &[FedRow], alone: bool, caps: &HashMap<SenderId, u32>) -> anyhow::Result<u64> {
        let pushes: Vec<JobPush> = jobs(fed, &self.pool, alone)
            .into_iter()
            .map(|job| JobPush { sender_max: caps.get(&job.sender).copied().unwrap_or(0), job })
            .collect();
        let answers = self.parts.queue.push(&self.pool, &pushes).await;
        let refused = not_pushed(&pushes, answers.as_deref().ok());
        for job in &refused {
            self.parts.store.messages().hand_back(job.id, &job.rows, Duration::ZERO).await?;
        }
        let back: usize = refused.iter().map(|job| job.rows.len()).sum();
        answers?;
        Ok((fed.len() - back) as u64)
    }

    async fn feed_crashed(&self, term: Term) -> anyhow::Result<u64> {
        let ids: Vec<JobId> = (0..CRASHED_PER_SCAN).map(|_| self.parts.ids.next()).collect();
        let fed = self.parts.store.messages().feed_crashed(term, &ids).await?;
        if fed.is_empty() { Ok(0) } else { self.push(&fed, true, &HashMap::new()).await }
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
        let alone = if scanned { self.feed_crashed(term).await? } else { 0 };
        let fed = self.feed(term, &mut state).await?;
        let again_in = (!state.lanes.is_empty()).then_some(LOOK_AGAIN);
        Ok(Report { again_in, ..Report::default().count("fed", fed).count("fed_alone", alone) })
    }

    async fn rung(&self) {
        self.bell.rung().await;
    }
}

/// Cuts rows into the jobs they were given to, in their order.
fn jobs(fed: &[FedRow], pool: &PoolName, alone: bool) -> Vec<SendJob> {
    let mut order: Vec<JobId> = Vec::new();
    let mut by_job: HashMap<JobId, SendJob> = HashMap::new();
    for row in fed {
        let job = by_job.entry(row.job).or_insert_with(|| {
            order.push(row.job);
            SendJob {
                id: row.job,
                pool: pool.clone(),
                tenant: row.tenant,
                sender: row.sender,
                priority: Priority::Low,
                rows: Vec::<MessageId>::new(),
                alone,
                grant: None,
            }
        });
        job.priority = job.priority.min(row.priority);
        job.rows.push(row.message);
    }
    order.sort_unstable();
    order.into_iter().filter_map(|id| by_job.remove(&id)).collect()
}

fn name(lane: &Lane) -> LaneName {
    LaneName { tenant: lane.tenant, sender: lane.sender }
}

fn add_lanes(lanes: &mut Vec<Lane>, names: impl IntoIterator<Item = LaneName>) {
    let known: HashSet<SenderId> = lanes.iter().map(|lane| lane.sender).collect();
    let unknown = names.into_iter().filter(|name| !known.contains(&name.sender));
    lanes.extend(unknown.map(|name| Lane {
        tenant: name.tenant,
        sender: name.sender,
        connections: CONNECTIONS_DEFAULT,
    }));
}
