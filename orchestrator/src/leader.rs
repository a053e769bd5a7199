use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use runtime::{Ids, Shutdown};
use store::{Store, Term};
use tokio::time::Instant;
use uuid::Uuid;

/// How long a leadership lasts without renewal.
const TTL: Duration = Duration::from_secs(5);
/// It is trusted for less, and counted from before the renewal was asked for: a slow answer extends nothing.
const TRUST: Duration = Duration::from_secs(4);
const STAND_EVERY: Duration = Duration::from_secs(1);
/// One renewal may fail before the trust ends, and is asked for again soon.
const RENEW_EVERY: Duration = Duration::from_millis(1_900);
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// Whether this process leads. Correctness never needs it: every leader write checks the term in Postgres.
#[derive(Clone)]
pub struct Leadership {
    store: Store,
    owner: Uuid,
    held: Arc<Mutex<Option<(Term, Instant)>>>,
}

impl Leadership {
    pub fn new(store: Store, ids: &Ids) -> Self {
        Self { store, owner: ids.next(), held: Arc::default() }
    }

    /// The term, while it can be trusted.
    pub fn term(&self) -> Option<Term> {
        let held = *self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.filter(|(_, until)| Instant::now() < *until).map(|(term, _)| term)
    }

    /// Stands for election, or renews.
    pub async fn stand(&self) -> store::Result<Option<Term>> {
        let asked = Instant::now();
        if failpoint::fails("leader.before_renewal") {
            return Err(store::StoreError::Unreadable { noun: "leader", column: "term" });
        }
        let term = self.store.leaders().elect(self.owner, TTL).await?;
        failpoint::hold("leader.after_renewal").await;
        let was = std::mem::replace(
            &mut *self.held.lock().unwrap_or_else(PoisonError::into_inner),
            term.map(|term| (term, asked + TRUST)),
        );
        if was.map(|(term, _)| term) != term {
            match term {
                Some(term) => tracing::info!(term = term.number, "leads"),
                None => tracing::info!("follows"),
            }
        }
        Ok(term)
    }

    /// Stands again and again, and resigns at the end so that another need not wait.
    pub async fn keep_standing(self, shutdown: Shutdown) {
        while !shutdown.is_begun() {
            let wait = match self.stand().await {
                Ok(Some(_)) => RENEW_EVERY,
                Ok(None) => STAND_EVERY,
                Err(error) => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "could not stand for election");
                    AFTER_FAILURE
                }
            };
            metrics::gauge!("postfleet_leader").set(if self.term().is_some() { 1.0 } else { 0.0 });
            tokio::select! {
                () = shutdown.begun() => {}
                () = rest::rest(wait) => {}
            }
        }
        if let Some(term) = self.term()
            && let Err(error) = self.store.leaders().resign(term).await
        {
            tracing::debug!(error = &error as &dyn std::error::Error, "could not resign");
        }
    }
}
