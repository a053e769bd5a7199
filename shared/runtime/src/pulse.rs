//! Keeps a process's view of the pulse in step with Postgres, and waits for the schema.

use std::time::Duration;

use queue::QueueLink;
use store::Store;

use crate::{DatabaseClock, Shutdown};

const EVERY: Duration = Duration::from_secs(1);
/// Least time between two looks, however often a script was refused.
const PAUSE: Duration = Duration::from_millis(100);

/// Adopts what Postgres says once a second, and at once when a script was refused.
pub async fn watch_pulse(store: Store, queue: QueueLink, clock: DatabaseClock, shutdown: Shutdown) {
    while !shutdown.is_begun() {
        if let Err(error) = adopt_pulse(&store, &queue, &clock).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "could not read the pulse");
        }
        tokio::time::sleep(PAUSE).await;
        tokio::select! {
            () = shutdown.begun() => return,
            () = tokio::time::sleep(EVERY) => {}
            () = queue.pulse().doubted() => {}
        }
    }
}

pub async fn adopt_pulse(store: &Store, queue: &QueueLink, clock: &DatabaseClock) -> store::Result<()> {
    let state = store.fleet().state().await?;
    queue.pulse().adopt(state.generation, state.beat);
    clock.set(state.now);
    Ok(())
}

/// Waits until the newest migration this version knows is applied. Roles never migrate themselves.
pub async fn wait_for_schema(store: &Store, newest: &str, shutdown: &Shutdown) {
    let mut told = false;
    while !shutdown.is_begun() {
        match store.schema().has_step(newest).await {
            Ok(true) => return,
            Ok(false) if !told => tracing::warn!(step = newest, "waiting for the schema: run `postfleet migrate`"),
            Err(error) if !told => tracing::warn!(error = &error as &dyn std::error::Error, "waiting for Postgres"),
            _ => {}
        }
        told = true;
        tokio::select! {
            () = shutdown.begun() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}
