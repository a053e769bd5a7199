//! A Redis that throws keys away when it is full would throw away limits and leases, one by one and unseen.

use std::time::Duration;

use queue::QueueLink;

use crate::Shutdown;

const WANTED: &str = "noeviction";
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is wrong with Redis's eviction policy. One that is away, or does not say, is not found wrong.
pub async fn wrong_eviction_policy(queue: &QueueLink) -> Option<String> {
    let policy = queue.eviction_policy().await.ok().flatten().filter(|policy| policy != WANTED)?;
    Some(format!("maxmemory-policy is {policy} and must be {WANTED}"))
}

/// Waits while the policy is wrong: a role does not begin to work on such a Redis. It goes on by itself when it was
/// mended.
pub async fn wait_for_noeviction(queue: &QueueLink, shutdown: &Shutdown) {
    let mut told = false;
    while !shutdown.is_begun() {
        let Some(problem) = wrong_eviction_policy(queue).await else { return };
        if !told {
            tracing::error!(problem, "waiting for Redis to be set up: work would be lost unseen");
        }
        told = true;
        tokio::select! {
            () = shutdown.begun() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}
