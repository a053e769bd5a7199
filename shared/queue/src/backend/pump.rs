use std::sync::Arc;
use std::time::Duration;

use link::Arg;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, timeout};

use super::lease::Moment;
use super::settler::SettlerHandle;
use super::{Delivery, Lease, Shared};
use crate::backoff::Waits;
use crate::{QueueError, Result, scripts};

/// Jobs taken in one call.
const CLAIM_MAX: usize = 128;
const LOST_WAIT: Duration = Duration::from_millis(50);

/// Claims jobs whenever there is a free hand, until stopped.
pub(super) async fn pump<J: DeserializeOwned>(
    shared: Arc<Shared>,
    settler: SettlerHandle,
    deliveries: mpsc::Sender<Delivery<J>>,
) {
    let mut waits = Waits::new();
    let mut turn = 0u64;
    loop {
        let Some(permits) = free_hands(&shared).await else { return };
        turn += 1;
        match claim(&shared, permits, turn).await {
            Ok(claimed) if claimed.is_empty() => {
                waits = Waits::new();
                let idle = timeout(shared.options.poll, shared.wake.notified());
                tokio::select! {
                    _ = idle => {}
                    () = shared.stop.cancelled() => return,
                }
            }
            Ok(claimed) => {
                failpoint::hold("queue.after_claim").await;
                waits = Waits::new();
                for (lease, payload) in claimed {
                    deliver(&shared, &settler, &deliveries, lease, &payload).await;
                }
            }
            Err(error) => {
                metrics::counter!("postfleet_queue_claim_errors_total").increment(1);
                tracing::debug!(error = &error as &dyn std::error::Error, "claim failed, trying again");
                // A Redis that answers and was lost has its next generation in a moment.
                let wait = if matches!(error, QueueError::Lost) { LOST_WAIT } else { waits.next() };
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = shared.stop.cancelled() => return,
                }
            }
        }
    }
}

/// Waits for one free hand and takes the others that are free too. `None` when stopped.
async fn free_hands(shared: &Shared) -> Option<Vec<OwnedSemaphorePermit>> {
    let first = tokio::select! {
        biased;
        () = shared.stop.cancelled() => return None,
        permit = Arc::clone(&shared.permits).acquire_owned() => permit.ok()?,
    };
    let more = std::iter::from_fn(|| Arc::clone(&shared.permits).try_acquire_owned().ok());
    Some(std::iter::once(first).chain(more.take(CLAIM_MAX - 1)).collect())
}

async fn claim(shared: &Arc<Shared>, permits: Vec<OwnedSemaphorePermit>, turn: u64) -> Result<Vec<(Lease, String)>> {
    let (keys, pool) = (shared.link.keys(), &shared.options.pool);
    let [high, normal, low] = keys.ready(pool);
    let part = |part| keys.pool(pool, part);
    let names = [
        keys.pulse(),
        keys.window(),
        part("data"),
        high,
        normal,
        low,
        part("delayed"),
        part("leases"),
        part("holders"),
        part("deliveries"),
        part("marks"),
        part("crashed"),
        part("garbage"),
    ];
    let args = [
        Arg::Owned(format!("{}:{turn}", shared.options.worker)),
        Arg::Number(permits.len() as i64),
        Arg::Number(shared.options.lease.as_millis() as i64),
        Arg::Number(shared.options.silence().as_millis() as i64),
    ];
    let asked_at = Instant::now();
    let answer = shared.link.call(&scripts::CLAIM, &names, &args).await?;
    let (now, jobs) = answer.rest.split_first().ok_or(QueueError::Unreadable)?;
    let claimed_at = Moment { redis_us: now.parse().map_err(|_| QueueError::Unreadable)?, ours: asked_at };
    if jobs.len() % 5 != 0 {
        return Err(QueueError::Unreadable);
    }
    let mut permits = permits.into_iter();
    let mut claimed = Vec::with_capacity(jobs.len() / 5);
    for parts in jobs.chunks_exact(5) {
        let [job, token, deliveries, age_ms, payload] = parts else { continue };
        let Some(permit) = permits.next() else { break };
        let age = Duration::from_millis(age_ms.parse().unwrap_or(0));
        let deliveries = deliveries.parse().unwrap_or(0);
        let ids = (job.clone(), token.clone());
        let lease = Lease::new(Arc::clone(shared), ids, deliveries, age, claimed_at, permit);
        shared.in_hand.insert(&lease);
        claimed.push((lease, payload.clone()));
    }
    Ok(claimed)
}

/// A payload that does not read is set aside: its rows come back through the rescue, nobody dies of it.
async fn deliver<J: DeserializeOwned>(
    shared: &Shared,
    settler: &SettlerHandle,
    deliveries: &mpsc::Sender<Delivery<J>>,
    lease: Lease,
    payload: &str,
) {
    match serde_json::from_str(payload) {
        Ok(job) => {
            let held = lease.clone();
            let delivered = tokio::select! {
                biased;
                () = shared.stop.cancelled() => false,
                sent = deliveries.send(Delivery { job, lease }) => sent.is_ok(),
            };
            if !delivered {
                settler.release(&held);
            }
        }
        Err(error) => {
            metrics::counter!("postfleet_queue_garbage_total").increment(1);
            tracing::error!(job = lease.job(), pool = %shared.options.pool, %error, "set a job aside that does not read");
            settler.garbage(&lease);
        }
    }
}
