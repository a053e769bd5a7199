//! Why a message is not sent yet: what Postgres knows, what the buckets say, and where its job is.

use std::time::Duration;

use domain::ids::{MessageId, TenantId};
use domain::jobs::PoolName;
use domain::limits::LimitRefusal;
use domain::messages::MessageState;
use domain::messages::wait::{JobPlace, Waiting, waiting};
use limits::{Ask, Limiter};
use queue::QueueLink;
use store::Store;
use store::messages::WaitRow;
use tokio::time::timeout;

/// Longest wait for what Redis can add. Without it the answer says less, and nothing wrong.
const REDIS_WITHIN: Duration = Duration::from_millis(250);

/// A message's state, and what it waits for.
#[derive(Debug, Clone)]
pub struct Explained {
    pub state: MessageState,
    /// `None`: it is over.
    pub waiting: Option<Waiting>,
}

/// `None`: the tenant has no such message.
pub async fn explain(
    store: &Store,
    queue: &QueueLink,
    limits: &Limiter,
    tenant: TenantId,
    id: MessageId,
) -> store::Result<Option<Explained>> {
    let Some(row) = store.messages().wait_facts(tenant, id).await? else { return Ok(None) };
    let facts = &row.facts;
    let (refusal, place) = match facts.state {
        MessageState::Scheduled if facts.run_at <= facts.now => (refusal(limits, tenant, &row).await, None),
        MessageState::Queued => (None, place(queue, &row).await),
        _ => (None, None),
    };
    Ok(Some(Explained { state: facts.state, waiting: waiting(facts, refusal.as_ref(), place.as_ref()) }))
}

/// The bucket that would make it wait longest.
async fn refusal(limits: &Limiter, tenant: TenantId, row: &WaitRow) -> Option<LimitRefusal> {
    let buckets = Ask::buckets(tenant, row.sender, &row.recipient_domain);
    let standings = timeout(REDIS_WITHIN, limits.look(tenant, &buckets)).await.ok()?.ok()?;
    standings.into_iter().flatten().max_by_key(|refusal| refusal.wait)
}

async fn place(queue: &QueueLink, row: &WaitRow) -> Option<JobPlace> {
    let (pool, job) = (PoolName::send_shared(), row.facts.job?);
    timeout(REDIS_WITHIN, queue.place_of(&pool, job)).await.ok()?.ok()
}
