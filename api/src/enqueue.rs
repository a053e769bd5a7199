//! Accepting messages: room is reserved, then the rows commit, then the jobs are pushed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use domain::ids::{JobId, SenderId, TenantId};
use domain::jobs::{PoolName, SendJob};
use domain::limits::{Grant, TokenReturn};
use domain::messages::draft::NewMessage;
use domain::messages::{MessageState, Priority};
use limits::Ask;
use queue::{JobPush, LaneName, Reservation, Reserved, Tokens, not_pushed};
use sha2::{Digest, Sha256};
use store::messages::{EnqueueRow, Enqueued};
use tokio::time::{Instant, timeout_at};

use crate::extract::Creation;
use crate::{ApiError, ApiState};

/// All that a request waits for Redis. Without it, the rows are scheduled, and the feeder finds them.
const REDIS_WITHIN: Duration = Duration::from_millis(20);
/// More rows of one sender than this go through the feeder, which shares the window out.
const PUSH_ROWS_MAX: usize = 25;

/// What was reserved for the messages of one sender.
struct Held {
    job: JobId,
    lane: LaneName,
    tokens: Tokens,
    /// Places of its messages among those of the request.
    places: Vec<usize>,
}

/// Stores the messages, each with its place in the request, and answers for each in order. When this returns, every one of them is durable.
pub async fn enqueue(
    state: &ApiState,
    tenant: TenantId,
    creation: Creation,
    asked: Vec<(usize, NewMessage)>,
) -> Result<Vec<Enqueued>, ApiError> {
    // A repeat may accept what the first run refused: each is known by its place in the request, not among these.
    let (asked_at, messages): (Vec<usize>, Vec<NewMessage>) = asked.into_iter().unzip();
    let held = reserve(state, tenant, &messages).await;
    let mut jobs: HashMap<usize, JobId> = HashMap::new();
    for held in &held {
        jobs.extend(held.places.iter().map(|at| (*at, held.job)));
    }
    let rows: Vec<EnqueueRow> = messages
        .into_iter()
        .enumerate()
        .map(|(at, message)| EnqueueRow {
            id: state.ids.next(),
            dedupe_hash: message.dedupe_key.as_deref().map(dedupe_hash).or_else(|| creation.dedupe_hash(asked_at[at])),
            job: jobs.get(&at).copied(),
            message,
        })
        .collect();
    let stored = state.store.messages().enqueue_messages(tenant, &rows).await;
    if stored.is_err() {
        unreserve(state, &rows, &held, Instant::now() + REDIS_WITHIN).await;
    }
    let stored = stored?;
    tell_redis(state, tenant, &rows, &stored, held).await;
    metrics::counter!("postfleet_messages_enqueued_total").increment(stored.len() as u64);
    Ok(stored)
}

/// Asks for room and tokens for what may go now. Any trouble means none.
async fn reserve(state: &ApiState, tenant: TenantId, messages: &[NewMessage]) -> Vec<Held> {
    let until = Instant::now() + REDIS_WITHIN;
    let now = state.clock.now();
    let mut due: HashMap<SenderId, Vec<usize>> = HashMap::new();
    for (at, message) in messages.iter().enumerate() {
        if message.send_at.is_none_or(|at| now.is_some_and(|now| at <= now)) {
            due.entry(message.sender).or_default().push(at);
        }
    }
    let mut all = Vec::new();
    for (sender, places) in due.into_iter().filter(|(_, places)| places.len() <= PUSH_ROWS_MAX) {
        let mut rows_to: BTreeMap<Box<str>, u32> = BTreeMap::new();
        for at in &places {
            *rows_to.entry(domain_of(&messages[*at])).or_default() += 1;
        }
        let asks: Vec<Ask> =
            rows_to.iter().map(|(domain, rows)| Ask { tenant, sender, domain: domain.clone(), rows: *rows }).collect();
        let Ok(tokens) = state.limits.token_ask(&asks) else { break };
        let (job, lane) = (state.ids.next(), LaneName { tenant, sender });
        let domains = rows_to.into_keys().collect();
        let asked = Reservation { lane, rows: places.len() as u32, job, domains, tokens };
        if let Ok(Ok(Reserved::Yes(tokens))) = timeout_at(until, state.queue.reserve(&asked)).await {
            metrics::counter!("postfleet_limit_grants_total", "by" => "api").increment(places.len() as u64);
            all.push(Held { job, lane, tokens, places });
        }
    }
    all
}

/// Pushes the jobs whose rows are queued, and rings for the lanes whose rows wait. The rows are safe whatever happens
/// here: a job that does not arrive is found missing by the rescue.
async fn tell_redis(state: &ApiState, tenant: TenantId, rows: &[EnqueueRow], stored: &[Enqueued], held: Vec<Held>) {
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
        let pushed = timeout_at(until, state.queue.push(&PoolName::send_shared(), &pushes)).await;
        for job in not_pushed(&pushes, pushed.ok().and_then(Result::ok).as_deref()) {
            if let Err(error) = state.store.messages().hand_back(job.id, &job.rows, Duration::ZERO).await {
                tracing::debug!(error = &error as &dyn std::error::Error, "the rescue returns these rows instead");
            }
        }
    }
    unreserve(state, rows, &vain, until).await;
    let _ = timeout_at(until, state.limits.give_back(&unused)).await;
    let waits = |(row, stored): &(&EnqueueRow, &Enqueued)| {
        stored.state == MessageState::Scheduled && !stored.existing && row.message.send_at.is_none()
    };
    let waiting: HashSet<LaneName> =
        rows.iter().zip(stored).filter(waits).map(|(row, _)| LaneName { tenant, sender: row.message.sender }).collect();
    if !waiting.is_empty() {
        let _ = timeout_at(until, state.queue.ring(&waiting.into_iter().collect::<Vec<_>>())).await;
    }
}

async fn unreserve(state: &ApiState, rows: &[EnqueueRow], held: &[Held], until: Instant) {
    let jobs: Vec<_> = held.iter().map(|held| (held.job, returns(held, rows, &held.places))).collect();
    if !jobs.is_empty() {
        let _ = timeout_at(until, state.queue.unreserve(&jobs)).await;
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

fn domain_of(message: &NewMessage) -> Box<str> {
    message.to.domain().to_ascii_lowercase().into()
}

fn dedupe_hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}
