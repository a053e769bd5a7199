//! Keeps a process's view of the pulse in step with Postgres, and waits for the schema.

use std::time::Duration;

use limits::Limiter;
use queue::QueueLink;
use store::{FleetState, Store};

use crate::{DatabaseClock, Shutdown};

/// Changed limits hold within two seconds.
const EVERY: Duration = Duration::from_millis(1_700);
const RETRY_EVERY: Duration = Duration::from_millis(500);
/// Least time between two looks, however often a script was refused.
const PAUSE: Duration = Duration::from_millis(100);

/// Adopts what Postgres says every 1.8 seconds, sooner where that failed, and at once when a script was refused.
pub async fn watch_pulse(store: Store, queue: QueueLink, limits: Limiter, clock: DatabaseClock, shutdown: Shutdown) {
    watch_pulse_unless(|| false, store, queue, limits, clock, shutdown).await;
}

/// As `watch_pulse`, for who may have adopted the same into these very `limits` by another way.
pub async fn watch_pulse_unless(
    adopted: impl Fn() -> bool,
    store: Store,
    queue: QueueLink,
    limits: Limiter,
    clock: DatabaseClock,
    shutdown: Shutdown,
) {
    let mut needed = true;
    while !shutdown.is_begun() {
        if needed || !adopted() {
            let read = adopt_pulse(&store, &queue, &limits, &clock).await;
            needed = read.is_err();
            if let Err(error) = read {
                tracing::debug!(error = &error as &dyn std::error::Error, "could not read the pulse");
            }
        }
        tokio::time::sleep(PAUSE).await;
        tokio::select! {
            () = shutdown.begun() => return,
            () = rest::rest(if needed { RETRY_EVERY } else { EVERY }) => {}
            () = queue.pulse().doubted() => needed = true,
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
    clock.set(state.now);
    adopt_state(store, queue, limits, &state).await
}

/// As `adopt_pulse`, for the leader, who has just read it.
pub async fn adopt_state(store: &Store, queue: &QueueLink, limits: &Limiter, state: &FleetState) -> store::Result<()> {
    queue.pulse().adopt(state.generation, state.beat);
    // The one place that notices changed limits.
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
            () = tokio::time::sleep(RETRY_EVERY) => {}
        }
    }
}
