use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use link::Arg;

use super::Shared;
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
            let tokens = shared.in_hand.tokens();
            if tokens.is_empty() {
                break;
            }
            match renew_all(&shared, &tokens).await {
                Ok(()) => break,
                Err(QueueError::Lost) => {
                    // Nothing of the old generation can be held any more.
                    shared.in_hand.lose(None);
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

async fn renew_all(shared: &Shared, tokens: &HashSet<Arc<str>>) -> Result<()> {
    let (keys, pool) = (shared.link.keys(), &shared.options.pool);
    let names = [keys.pulse(), keys.pool(pool, "leases")];
    let mut args = vec![
        Arg::Number(shared.options.lease.as_millis() as i64),
        Arg::Number(shared.options.silence().as_millis() as i64),
    ];
    args.extend(tokens.iter().map(|token| Arg::Text(token)));
    let lost: HashSet<String> = shared.link.call(&scripts::RENEW, &names, &args).await?.rest.into_iter().collect();
    if !lost.is_empty() {
        let lost = shared.in_hand.lose(Some(&lost));
        metrics::counter!("postfleet_queue_leases_lost_total").increment(lost);
    }
    Ok(())
}
