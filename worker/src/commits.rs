//! The point of no return, group-committed.

use std::collections::HashMap;
use std::time::Duration;

use domain::ids::{AttemptId, WorkerId};
use futures::future::BoxFuture;
use store::messages::{AttemptClaim, COMMIT_BATCH_MAX};
use store::{Place, Store};

use runtime::Group;

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimed {
    /// The only answer after which final bytes may be written; and where the row stands now.
    Won(Place),
    /// Canceled, suppressed, paused, somebody else's, changed since it was loaded, or held by somebody at this moment.
    Lost,
    /// The answer is lost: it may have been committed. Nothing is sent.
    Doubtful,
}

/// A session waits meanwhile, and nothing else.
const LINGER: Duration = Duration::from_millis(20);
const LANES: usize = 2;

pub struct Commits {
    group: Group<AttemptClaim, Claimed>,
}

impl Commits {
    pub fn start(store: Store, worker: WorkerId) -> Self {
        let run = move |claims: Vec<AttemptClaim>| {
            let store = store.clone();
            async move {
                metrics::histogram!("postfleet_commit_batch_rows").record(claims.len() as f64);
                failpoint::hold("worker.before_commit").await;
                commit(&store, worker, &claims).await
            }
        };
        Self { group: Group::start(COMMIT_BATCH_MAX, LINGER, LANES, run) }
    }

    pub async fn commit(&self, claim: AttemptClaim) -> Claimed {
        self.group.ask(claim).await.unwrap_or(Claimed::Doubtful)
    }
}

/// Halves a group that the database refuses, until the one row that spoils it stands alone.
fn commit<'a>(store: &'a Store, worker: WorkerId, claims: &'a [AttemptClaim]) -> BoxFuture<'a, Vec<Claimed>> {
    Box::pin(async move {
        match store.messages().commit_attempts(worker, claims).await {
            Ok(won) => {
                let won: HashMap<AttemptId, Place> = won.into_iter().collect();
                let read =
                    |claim: &AttemptClaim| won.get(&claim.attempt).map_or(Claimed::Lost, |place| Claimed::Won(*place));
                claims.iter().map(read).collect()
            }
            Err(error) if !error.is_transient() && claims.len() > 1 => {
                let (left, right) = claims.split_at(claims.len() / 2);
                let mut answers = commit(store, worker, left).await;
                answers.extend(commit(store, worker, right).await);
                answers
            }
            Err(error) => {
                metrics::counter!("postfleet_commit_doubts_total").increment(claims.len() as u64);
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    rows = claims.len(),
                    "a commit's answer is lost"
                );
                vec![Claimed::Doubtful; claims.len()]
            }
        }
    })
}
