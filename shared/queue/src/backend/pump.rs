use std::sync::Arc;
use std::time::Duration;

use link::Arg;
use redis::{FromRedisValue, Value};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::lease::{Claim, Claimed};
use super::record::Record;
use super::settler::SettlerHandle;
use super::waiting::Waiting;
use super::{Delivery, Lease, Shared};
use crate::backoff::Waits;
use crate::{QueueError, QueueJob, Result, scripts};

/// Jobs taken in one call.
const CLAIM_MAX: usize = 256;
const LOST_WAIT: Duration = Duration::from_millis(50);

/// Claims jobs whenever there is a free hand, until stopped; gives back then what no handler has begun.
pub(super) async fn pump<J: QueueJob>(shared: Arc<Shared>, settler: SettlerHandle, waiting: Arc<Waiting<J>>) {
    claim_until_stopped(&shared, &settler, &waiting).await;
    waiting.take_all().iter().for_each(|unstarted| settler.release(&unstarted.lease));
}

async fn claim_until_stopped<J: QueueJob>(shared: &Arc<Shared>, settler: &SettlerHandle, waiting: &Waiting<J>) {
    let mut waits = Waits::new();
    let (mut turn, mut overlaps, mut unread) = (0u64, false, Vec::new());
    let deliver = |leases: &mut Vec<Lease>| {
        waiting.put(leases.drain(..).filter_map(|lease| read(shared, settler, lease)));
    };
    loop {
        let free = if overlaps { free_now(shared) } else { None };
        let permits = match free {
            Some(permits) => permits,
            None => {
                deliver(&mut unread);
                let Some(permits) = free_hands(shared).await else { return };
                permits
            }
        };
        turn += 1;
        let asked = permits.len();
        // While there is more than hands can take, Redis gathers the next jobs as the last ones are read.
        let (answer, ()) = tokio::join!(claim(shared, permits, turn), async { deliver(&mut unread) });
        overlaps = answer.as_ref().is_ok_and(|claimed| claimed.len() == asked);
        match answer {
            Ok(claimed) if claimed.is_empty() => {
                waits = Waits::new();
                tokio::select! {
                    () = shared.wake.notified() => {}
                    () = rest::rest(shared.options.poll) => {}
                    () = shared.stop.cancelled() => return,
                }
            }
            Ok(claimed) => {
                failpoint::hold("queue.after_claim").await;
                waits = Waits::new();
                unread = claimed;
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

/// The hands that are free at this moment. `None` when there are none, or stopped.
fn free_now(shared: &Shared) -> Option<Vec<OwnedSemaphorePermit>> {
    let first = Arc::clone(&shared.permits).try_acquire_owned().ok().filter(|_| !shared.stop.is_cancelled())?;
    Some(with_others(shared, first))
}

/// Waits for one free hand and takes the others that are free too. `None` when stopped.
async fn free_hands(shared: &Shared) -> Option<Vec<OwnedSemaphorePermit>> {
    let first = tokio::select! {
        biased;
        () = shared.stop.cancelled() => return None,
        permit = Arc::clone(&shared.permits).acquire_owned() => permit.ok()?,
    };
    Some(with_others(shared, first))
}

fn with_others(shared: &Shared, first: OwnedSemaphorePermit) -> Vec<OwnedSemaphorePermit> {
    let more = std::iter::from_fn(|| Arc::clone(&shared.permits).try_acquire_owned().ok());
    std::iter::once(first).chain(more.take(CLAIM_MAX - 1)).collect()
}

async fn claim(shared: &Arc<Shared>, permits: Vec<OwnedSemaphorePermit>, turn: u64) -> Result<Vec<Lease>> {
    let (keys, pool) = (shared.link.keys(), &shared.options.pool);
    let [high, normal, low] = keys.ready(pool);
    let part = |part| keys.pool(pool, part);
    let names = [
        keys.pulse(),
        part("held"),
        part("data"),
        high,
        normal,
        low,
        part("delayed"),
        part("leases"),
        part("deliveries"),
        part("marks"),
        part("crashed"),
    ];
    let token: Arc<str> = format!("{}:{turn}", shared.options.worker).into();
    let args = [
        Arg::Text(&token),
        Arg::Number(permits.len() as i64),
        Arg::Number(shared.options.lease.as_millis() as i64),
        Arg::Number(shared.options.silence().as_millis() as i64),
    ];
    let ours = Instant::now();
    let answer = shared.link.call_for::<Value>(&scripts::CLAIM, &names, &args).await?;
    let mut parts = answer.rest.into_iter();
    let redis_us = read_part(parts.next())?;
    let claim = Arc::new(Claim { turn, token, redis_us, ours });
    let mut permits = permits.into_iter();
    let mut leases = Vec::with_capacity(permits.len());
    while let Some(ids) = parts.next() {
        let (ids, records): (Vec<String>, Vec<Option<String>>) = (read_part(Some(ids))?, read_part(parts.next())?);
        // Named only where some job came back at all.
        let mut deliveries = read_part::<Vec<Option<u32>>>(parts.next())?.into_iter();
        for ((job, record), permit) in ids.into_iter().zip(records).zip(&mut permits) {
            let deliveries = deliveries.next().flatten().unwrap_or(0);
            let claimed = Claimed { place: leases.len(), job, record: Record::read(record), deliveries };
            leases.push(Lease::new(Arc::clone(shared), Arc::clone(&claim), claimed, permit));
        }
    }
    shared.in_hand.insert(&leases);
    Ok(leases)
}

fn read_part<T: FromRedisValue>(part: Option<Value>) -> Result<T> {
    part.and_then(|part| T::from_redis_value(part).ok()).ok_or(QueueError::Unreadable)
}

/// A payload that does not read is set aside: its rows come back through the rescue, nobody dies of it.
fn read<J: QueueJob>(shared: &Shared, settler: &SettlerHandle, lease: Lease) -> Option<Delivery<J>> {
    let error = match lease.record() {
        record @ Record::Read { .. } => match record.head(lease.job()) {
            Some(head) => match J::read(&shared.options.pool, head, record.payload().unwrap_or_default()) {
                Ok(job) => return Some(Delivery { job, lease }),
                Err(error) => error.to_string(),
            },
            None => "its head has an id that does not read".to_owned(),
        },
        Record::Unreadable => "its record lacks a part".to_owned(),
        Record::Gone => {
            settler.garbage(&lease);
            return None;
        }
    };
    metrics::counter!("postfleet_queue_garbage_total").increment(1);
    tracing::error!(job = lease.job(), pool = %shared.options.pool, error, "set a job aside that does not read");
    settler.garbage(&lease);
    None
}
