use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use domain::ids::MessageId;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::backend::Shared;
use crate::link::Arg;
use crate::{QueueError, Result, scripts};

/// The right to handle one job for a while.
#[derive(Clone)]
pub struct Lease(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    job: String,
    token: String,
    deliveries: u32,
    age_at_claim: Duration,
    claimed_at: Instant,
    /// Lost, or the worker is asked to stop.
    over: CancellationToken,
    // Held until the lease is settled or lost and its handler has let go: it bounds what is in hand.
    _permit: OwnedSemaphorePermit,
}

/// Whether a row is now written into the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marked {
    Yes,
    /// The lease is somebody else's by now.
    Gone,
}

impl Lease {
    pub(crate) fn new(
        shared: Arc<Shared>,
        job: String,
        token: String,
        deliveries: u32,
        age_at_claim: Duration,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let over = shared.stop.child_token();
        Self(Arc::new(Inner {
            shared,
            job,
            token,
            deliveries,
            age_at_claim,
            claimed_at: Instant::now(),
            over,
            _permit: permit,
        }))
    }

    pub fn job(&self) -> &str {
        &self.0.job
    }

    pub fn token(&self) -> &str {
        &self.0.token
    }

    /// An earlier holder vanished: whatever kills workers may be in here.
    pub fn is_redelivered(&self) -> bool {
        self.0.deliveries > 0
    }

    /// How often it came back: the exponent of its next delay.
    pub(crate) fn deliveries(&self) -> u32 {
        self.0.deliveries
    }

    /// How long ago the job was pushed: Redis's measure until the claim, this process's since.
    pub fn age(&self) -> Duration {
        self.0.age_at_claim + self.0.claimed_at.elapsed()
    }

    /// Whether the worker was asked to stop: what is not started is handed back.
    pub fn is_stopping(&self) -> bool {
        self.0.shared.stop.is_cancelled()
    }

    /// Whether it ran out, Redis was lost, or the worker is asked to stop: rows not yet started are somebody else's.
    pub fn is_over(&self) -> bool {
        self.0.over.is_cancelled()
    }

    /// Waits until it is over.
    pub async fn over(&self) {
        self.0.over.cancelled().await;
    }

    pub(crate) fn lose(&self) {
        self.0.over.cancel();
    }

    /// Writes the row that is handled next into the lease, so that a crash is charged to it alone.
    pub async fn mark(&self, row: MessageId) -> Result<Marked> {
        self.write_mark(row.to_string()).await
    }

    pub async fn clear_mark(&self) -> Result<Marked> {
        self.write_mark(String::new()).await
    }

    async fn write_mark(&self, row: String) -> Result<Marked> {
        let Shared { link, options, .. } = &*self.0.shared;
        let keys = link.keys();
        let names = [keys.pulse(), keys.pool(&options.pool, "holders"), keys.pool(&options.pool, "marks")];
        let args = [Arg::Text(&self.0.job), Arg::Text(&self.0.token), Arg::Owned(row)];
        match link.call(&scripts::MARK, &names, &args).await?.status.as_str() {
            "marked" => Ok(Marked::Yes),
            "gone" => {
                self.lose();
                Ok(Marked::Gone)
            }
            _ => Err(QueueError::Unreadable),
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("job", &self.0.job)
            .field("deliveries", &self.0.deliveries)
            .finish_non_exhaustive()
    }
}
