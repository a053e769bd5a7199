//! Accepting messages: room is reserved, then the rows commit, then the jobs are pushed.

use std::collections::HashMap;
use std::time::Duration;

use domain::ids::{JobId, MessageId, SenderId, TenantId};
use domain::jobs::{PoolName, SendJob};
use domain::messages::draft::NewMessage;
use domain::messages::{MessageState, Priority};
use queue::{JobPush, LaneName, Reservation, Reserved, not_pushed};
use sha2::{Digest, Sha256};
use store::messages::{EnqueueRow, Enqueued};
use tokio::time::{Instant, timeout_at};

use crate::{ApiError, ApiState};

/// All that a request waits for Redis. Without it, the rows are scheduled, and the feeder finds them.
const REDIS_WITHIN: Duration = Duration::from_millis(20);
/// More rows of one sender than this go through the feeder, which shares the window out.
const PUSH_ROWS_MAX: usize = 25;

/// Stores the messages and answers for each in order. When this returns, every one of them is durable.
pub async fn enqueue(state: &ApiState, tenant: TenantId, messages: Vec<NewMessage>) -> Result<Vec<Enqueued>, ApiError> {
    let jobs = reserve(state, tenant, &messages).await;
    let rows: Vec<EnqueueRow> = messages
        .into_iter()
        .enumerate()
        .map(|(at, message)| EnqueueRow {
            id: state.ids.next(),
            dedupe_hash: message.dedupe_key.as_deref().map(dedupe_hash),
            job: jobs.get(&at).copied(),
            message,
        })
        .collect();
    let stored = state.store.messages().enqueue_messages(tenant, &rows).await;
    if stored.is_err() && !jobs.is_empty() {
        let jobs: Vec<JobId> = jobs.values().copied().collect();
        let _ = timeout_at(Instant::now() + REDIS_WITHIN, state.queue.unreserve(&jobs)).await;
    }
    let stored = stored?;
    tell_redis(state, tenant, &rows, &stored).await;
    metrics::counter!("postfleet_messages_enqueued_total").increment(stored.len() as u64);
    Ok(stored)
}

/// Asks for room for what may go now; answers which message got which job. Any trouble means none.
async fn reserve(state: &ApiState, tenant: TenantId, messages: &[NewMessage]) -> HashMap<usize, JobId> {
    let until = Instant::now() + REDIS_WITHIN;
    let now = state.clock.now();
    let mut due: HashMap<SenderId, Vec<usize>> = HashMap::new();
    for (at, message) in messages.iter().enumerate() {
        if message.send_at.is_none_or(|at| now.is_some_and(|now| at <= now)) {
            due.entry(message.sender).or_default().push(at);
        }
    }
    let mut jobs = HashMap::new();
    for (sender, places) in due.into_iter().filter(|(_, places)| places.len() <= PUSH_ROWS_MAX) {
        let job: JobId = state.ids.next();
        let asked = Reservation { lane: LaneName { tenant, sender }, rows: places.len() as u32, job };
        if let Ok(Ok(Reserved::Yes)) = timeout_at(until, state.queue.reserve(&asked)).await {
            jobs.extend(places.into_iter().map(|at| (at, job)));
        }
    }
    jobs
}

/// Pushes the jobs whose rows are queued, and rings for the lanes whose rows wait. The rows are safe whatever happens
/// here: a job that does not arrive is found missing by the rescue.
async fn tell_redis(state: &ApiState, tenant: TenantId, rows: &[EnqueueRow], stored: &[Enqueued]) {
    let until = Instant::now() + REDIS_WITHIN;
    let mut jobs: HashMap<JobId, SendJob> = HashMap::new();
    let mut waiting: Vec<LaneName> = Vec::new();
    let mut reserved: Vec<JobId> = Vec::new();
    for (row, stored) in rows.iter().zip(stored) {
        let lane = LaneName { tenant, sender: row.message.sender };
        reserved.extend(row.job);
        match (stored.state, row.job) {
            (MessageState::Queued, Some(job)) if !stored.existing => {
                add(&mut jobs, job, lane, stored.id, row.message.priority)
            }
            (MessageState::Scheduled, _)
                if !stored.existing && row.message.send_at.is_none() && !waiting.contains(&lane) =>
            {
                waiting.push(lane);
            }
            _ => {}
        }
    }
    reserved.retain(|job| !jobs.contains_key(job));
    let pool = PoolName::send_shared();
    let pushes: Vec<JobPush> = jobs.into_values().map(|job| JobPush { job, sender_max: 0 }).collect();
    if !pushes.is_empty() {
        let pushed = timeout_at(until, state.queue.push(&pool, &pushes)).await;
        for job in not_pushed(&pushes, pushed.ok().and_then(Result::ok).as_deref()) {
            if let Err(error) = state.store.messages().hand_back(job.id, &job.rows, Duration::ZERO).await {
                tracing::debug!(error = &error as &dyn std::error::Error, "the rescue returns these rows instead");
            }
        }
    }
    if !reserved.is_empty() {
        let _ = timeout_at(until, state.queue.unreserve(&reserved)).await;
    }
    if !waiting.is_empty() {
        let _ = timeout_at(until, state.queue.ring(&waiting)).await;
    }
}

fn add(jobs: &mut HashMap<JobId, SendJob>, id: JobId, lane: LaneName, message: MessageId, priority: Priority) {
    let job = jobs.entry(id).or_insert_with(|| SendJob {
        id,
        pool: PoolName::send_shared(),
        tenant: lane.tenant,
        sender: lane.sender,
        priority,
        rows: Vec::new(),
        alone: false,
        grant: None,
    });
    job.priority = job.priority.min(priority);
    job.rows.push(message);
}

fn dedupe_hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}
