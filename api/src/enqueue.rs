//! Accepting messages: room is reserved, then the rows commit, then the jobs are pushed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::ids::{JobId, MessageId, SenderId, TenantId};
use domain::jobs::{PoolName, SendJob};
use domain::limits::{Grant, TokenReturn};
use domain::messages::draft::NewMessage;
use domain::messages::{MessageState, Priority};
use futures::future::join_all;
use limits::{Ask, Limiter};
use queue::{JobPush, LaneName, QueueLink, Reservation, Reserved, Tokens, not_pushed};
use runtime::{DatabaseClock, Ids};
use sha2::{Digest, Sha256};
use store::Store;
use store::messages::{EnqueueRow, Enqueued};
use tokio::time::{Instant, timeout_at};

use crate::ApiError;
use crate::extract::Creation;
use crate::refused_lanes::RefusedLanes;

/// All that a request waits for Redis. Without it, the rows are scheduled, and the feeder finds them.
const REDIS_WITHIN: Duration = Duration::from_millis(20);
/// More rows of one sender than this go through the feeder, which shares the window out.
const PUSH_ROWS_MAX: usize = 25;

/// What accepting messages needs; cheap to clone.
#[derive(Clone)]
pub struct Enqueuer {
    store: Store,
    queue: QueueLink,
    limits: Limiter,
    ids: Ids,
    clock: DatabaseClock,
    refused: Arc<RefusedLanes>,
}

/// A message to accept, and what tells it apart from another that is the same.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Given here, so that one that is stored a second time is refused by its id.
    id: MessageId,
    message: NewMessage,
    dedupe_hash: Option<[u8; 32]>,
}

impl Asked {
    /// `at`: its place in the request. A repeat may accept what the first run refused, so it is not its place among
    /// those that are accepted.
    pub fn new(id: MessageId, creation: Creation, at: usize, message: NewMessage) -> Self {
        let dedupe_hash = message.dedupe_key.as_deref().map(dedupe_hash).or_else(|| creation.dedupe_hash(at));
        Self { id, message, dedupe_hash }
    }
}

/// What was reserved for the messages of one sender.
struct Held {
    job: JobId,
    lane: LaneName,
    tokens: Tokens,
    /// Places of its messages among those of the request.
    places: Vec<usize>,
}

impl Enqueuer {
    pub fn new(store: Store, queue: QueueLink, limits: Limiter, ids: Ids, clock: DatabaseClock) -> Self {
        Self { store, queue, limits, ids, clock, refused: Arc::default() }
    }

    /// Stores the messages, and answers for each in order. When this returns, every one of them is durable. An error
    /// hands them back.
    pub async fn enqueue(&self, tenant: TenantId, asked: Vec<Asked>) -> Result<Vec<Enqueued>, (ApiError, Vec<Asked>)> {
        let held = self.reserve(tenant, &asked).await;
        let mut jobs: HashMap<usize, JobId> = HashMap::new();
        for held in &held {
            jobs.extend(held.places.iter().map(|at| (*at, held.job)));
        }
        let row = |(at, Asked { id, message, dedupe_hash }): (usize, Asked)| EnqueueRow {
            id,
            dedupe_hash,
            job: jobs.get(&at).copied(),
            message,
        };
        let rows: Vec<EnqueueRow> = asked.into_iter().enumerate().map(row).collect();
        let stored = match self.store.messages().enqueue_messages(tenant, &rows).await {
            Ok(stored) => stored,
            Err(error) => {
                self.unreserve(&rows, &held, Instant::now() + REDIS_WITHIN).await;
                let asked = |EnqueueRow { id, message, dedupe_hash, .. }| Asked { id, message, dedupe_hash };
                return Err((error.into(), rows.into_iter().map(asked).collect()));
            }
        };
        failpoint::hold("api.after_commit").await;
        self.tell_redis(tenant, &rows, &stored, held).await;
        failpoint::hold("api.before_answer").await;
        metrics::counter!("postfleet_messages_enqueued_total").increment(stored.len() as u64);
        Ok(stored)
    }

    /// Asks for room and tokens for what may go now. Any trouble means none.
    async fn reserve(&self, tenant: TenantId, asked: &[Asked]) -> Vec<Held> {
        let until = Instant::now() + REDIS_WITHIN;
        let now = self.clock.now();
        let mut due: HashMap<SenderId, Vec<usize>> = HashMap::new();
        for (at, Asked { message, .. }) in asked.iter().enumerate() {
            if is_due(message, now) {
                due.entry(message.sender).or_default().push(at);
            }
        }
        let small = due.into_iter().filter(|(_, places)| places.len() <= PUSH_ROWS_MAX);
        let lanes = small.map(|(sender, places)| (LaneName { tenant, sender }, places));
        let hopeful: Vec<_> = lanes.filter(|(lane, _)| !self.refused.contains(lane, Instant::now())).collect();
        let reserved = hopeful.into_iter().map(|(lane, places)| self.reserve_lane(lane, places, asked, until));
        join_all(reserved).await.into_iter().flatten().collect()
    }

    async fn reserve_lane(&self, lane: LaneName, places: Vec<usize>, asked: &[Asked], until: Instant) -> Option<Held> {
        let mut rows_to: BTreeMap<Box<str>, u32> = BTreeMap::new();
        for at in &places {
            *rows_to.entry(domain_of(&asked[*at].message)).or_default() += 1;
        }
        let LaneName { tenant, sender } = lane;
        let asks: Vec<Ask> =
            rows_to.iter().map(|(domain, rows)| Ask { tenant, sender, domain: domain.clone(), rows: *rows }).collect();
        let tokens = self.limits.token_ask(&asks).ok()?;
        let job = self.ids.next();
        let domains = rows_to.into_keys().collect();
        let reservation = Reservation { lane, rows: places.len() as u32, job, domains, tokens };
        match timeout_at(until, self.queue.reserve(&reservation)).await {
            Ok(Ok(Reserved::Yes(tokens))) => {
                metrics::counter!("postfleet_limit_grants_total", "by" => "api").increment(places.len() as u64);
                self.refused.remove(&lane);
                Some(Held { job, lane, tokens, places })
            }
            Ok(Ok(_)) => {
                self.refused.add(lane, Instant::now());
                None
            }
            _ => None,
        }
    }

    /// Pushes the jobs whose rows are queued, and rings for the lanes whose rows wait. The rows are safe whatever happens
    /// here: a job that does not arrive is found missing by the rescue.
    async fn tell_redis(&self, tenant: TenantId, rows: &[EnqueueRow], stored: &[Enqueued], held: Vec<Held>) {
        let until = Instant::now() + REDIS_WITHIN;
        let queued = |at: &usize| stored[*at].state == MessageState::Queued && !stored[*at].existing;
        let (used, vain): (Vec<Held>, Vec<Held>) = held.into_iter().partition(|held| held.places.iter().any(queued));
        let mut pushes = Vec::with_capacity(used.len());
        let mut unused: Vec<TokenReturn> = Vec::new();
        for held in used {
            let (ours, others): (Vec<usize>, Vec<usize>) = held.places.iter().copied().partition(queued);
            unused.extend(returns(&held, rows, &others));
            pushes.push(JobPush { job: job(&held, rows, stored, &ours), sender_max: 0 });
        }
        if !pushes.is_empty() {
            let pushed = timeout_at(until, self.queue.push(&PoolName::send_shared(), &pushes)).await;
            for job in not_pushed(&pushes, pushed.ok().and_then(Result::ok).as_deref()) {
                if let Err(error) = self.store.messages().hand_back(job.id, &job.rows, Duration::ZERO).await {
                    tracing::debug!(error = &error as &dyn std::error::Error, "the rescue returns these rows instead");
                }
            }
        }
        self.unreserve(rows, &vain, until).await;
        let _ = timeout_at(until, self.limits.give_back(&unused)).await;
        let now = self.clock.now();
        let waits = |(row, stored): &(&EnqueueRow, &Enqueued)| {
            stored.state == MessageState::Scheduled && !stored.existing && is_due(&row.message, now)
        };
        let waiting: HashSet<LaneName> = rows
            .iter()
            .zip(stored)
            .filter(waits)
            .map(|(row, _)| LaneName { tenant, sender: row.message.sender })
            .collect();
        if !waiting.is_empty() {
            let _ = timeout_at(until, self.queue.ring(&waiting.into_iter().collect::<Vec<_>>())).await;
        }
    }

    async fn unreserve(&self, rows: &[EnqueueRow], held: &[Held], until: Instant) {
        let jobs: Vec<_> = held.iter().map(|held| (held.job, returns(held, rows, &held.places))).collect();
        if !jobs.is_empty() {
            let _ = timeout_at(until, self.queue.unreserve(&jobs)).await;
        }
    }
}

/// The tokens of messages that do not go with the job after all.
fn returns(held: &Held, rows: &[EnqueueRow], places: &[usize]) -> Vec<TokenReturn> {
    grant(held, rows, places).returns_all()
}

fn grant(held: &Held, rows: &[EnqueueRow], places: &[usize]) -> Grant {
    let domains: Vec<Box<str>> = places.iter().map(|at| domain_of(&rows[*at].message)).collect();
    let domains: Vec<&str> = domains.iter().map(|domain| &**domain).collect();
    held.tokens.grant(held.lane.tenant, held.lane.sender, &domains)
}

fn job(held: &Held, rows: &[EnqueueRow], stored: &[Enqueued], places: &[usize]) -> SendJob {
    SendJob {
        id: held.job,
        pool: PoolName::send_shared(),
        tenant: held.lane.tenant,
        sender: held.lane.sender,
        priority: places.iter().map(|at| rows[*at].message.priority).min().unwrap_or(Priority::Normal),
        rows: places.iter().map(|at| stored[*at].id).collect(),
        alone: false,
        grant: Some(grant(held, rows, places)),
    }
}

fn is_due(message: &NewMessage, now: Option<DateTime<Utc>>) -> bool {
    message.send_at.is_none_or(|at| now.is_some_and(|now| at <= now))
}

fn domain_of(message: &NewMessage) -> Box<str> {
    message.to.domain().to_ascii_lowercase().into()
}

fn dedupe_hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}
