use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use link::Arg;

use super::{Lease, Shared};
use crate::backoff::Waits;
use crate::{QueueError, Result, scripts};

/// Renews every lease in hand at least three times per lease, all in one call, however long the handlers take.
pub(super) async fn renew(shared: Arc<Shared>) {
    // Often enough that a busy fleet is never taken for a Redis that was out of reach.
    let every = (shared.options.lease / 3).min(Duration::from_secs(1));
    let mut waits = Waits::new();
    loop {
        tokio::time::sleep(every).await;
        loop {
            let leases = shared.in_hand.all();
            if leases.is_empty() {
                break;
            }
            match renew_all(&shared, &leases).await {
                Ok(()) => break,
                Err(QueueError::Lost) => {
                    // Nothing of the old generation can be held any more.
                    leases.iter().for_each(Lease::lose);
                    break;
                }
                Err(error) => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "renewing leases failed, trying again");
                    tokio::time::sleep(waits.next()).await;
                }
            }
        }
        waits = Waits::new();
    }
}

async fn renew_all(shared: &Shared, leases: &[Lease]) -> Result<()> {
    let (keys, pool) = (shared.link.keys(), &shared.options.pool);
    let names = [keys.pulse(), keys.pool(pool, "leases"), keys.pool(pool, "holders")];
    let mut args = vec![
        Arg::Number(shared.options.lease.as_millis() as i64),
        Arg::Number(shared.options.silence().as_millis() as i64),
    ];
    for lease in leases {
        args.extend([Arg::Text(lease.job()), Arg::Text(lease.token())]);
    }
    let lost: HashSet<String> = shared.link.call(&scripts::RENEW, &names, &args).await?.rest.into_iter().collect();
    for lease in leases.iter().filter(|lease| lost.contains(lease.token())) {
        lease.lose();
        metrics::counter!("postfleet_queue_leases_lost_total").increment(1);
    }
    Ok(())
}
