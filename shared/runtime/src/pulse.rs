//! Keeps a process's view of the pulse in step with Postgres, and waits for the schema.

use std::time::Duration;

use limits::Limiter;
use queue::QueueLink;
use store::Store;

use crate::{DatabaseClock, Shutdown};

const EVERY: Duration = Duration::from_millis(500);
/// Least time between two looks, however often a script was refused.
const PAUSE: Duration = Duration::from_millis(100);

/// Adopts what Postgres says twice a second, and at once when a script was refused.
pub async fn watch_pulse(store: Store, queue: QueueLink, limits: Limiter, clock: DatabaseClock, shutdown: Shutdown) {
    while !shutdown.is_begun() {
        if let Err(error) = adopt_pulse(&store, &queue, &limits, &clock).await {
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

pub async fn adopt_pulse(
    store: &Store,
    queue: &QueueLink,
    limits: &Limiter,
    clock: &DatabaseClock,
) -> store::Result<()> {
    let state = store.fleet().state().await?;
    queue.pulse().adopt(state.generation, state.beat);
    clock.set(state.now);
    // Changed limits hold within a second: this is the one place that notices.
    if limits.version() != Some(state.limits_version) {
        limits.adopt(state.limits_version, store.limits().book_all_tenants().await?);
    }
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
