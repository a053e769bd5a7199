use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::limits::TokenReturn;
use link::Arg;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::record::Record;
use crate::{QueueError, Result, scripts};

/// The right to handle one job for a while.
#[derive(Clone)]
pub struct Lease(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    claim: Arc<Claim>,
    claimed: Claimed,
    /// Tokens that go back when it is settled.
    unused: Mutex<Vec<TokenReturn>>,
    /// Lost, or the worker is asked to stop.
    over: CancellationToken,
    // Held until the lease is settled or lost and its handler has let go: it bounds what is in hand.
    _permit: OwnedSemaphorePermit,
}

/// One call that took jobs: what they share.
pub(super) struct Claim {
    pub turn: u64,
    pub token: Arc<str>,
    /// One moment by Redis's clock, and no later by ours.
    pub redis_us: i64,
    pub ours: Instant,
}

/// One of its jobs.
pub(super) struct Claimed {
    pub place: usize,
    pub job: String,
    pub record: Record,
    pub deliveries: u32,
}

/// Whether a row is now written into the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marked {
    Yes,
    /// The lease is somebody else's by now.
    Gone,
}

impl Lease {
    pub(super) fn new(shared: Arc<Shared>, claim: Arc<Claim>, claimed: Claimed, permit: OwnedSemaphorePermit) -> Self {
        let over = shared.stop.child_token();
        Self(Arc::new(Inner { shared, claim, claimed, unused: Mutex::default(), over, _permit: permit }))
    }

    pub fn job(&self) -> &str {
        &self.0.claimed.job
    }

    /// What the job is held by; jobs that were claimed together have one.
    pub(super) fn token(&self) -> &Arc<str> {
        &self.0.claim.token
    }

    /// Which claim of this process took it.
    pub(super) fn turn(&self) -> u64 {
        self.0.claim.turn
    }

    /// Tells it from every other of this process.
    pub(super) fn number(&self) -> (u64, usize) {
        (self.0.claim.turn, self.0.claimed.place)
    }

    pub(super) fn record(&self) -> &Record {
        &self.0.claimed.record
    }

    /// An earlier holder vanished: whatever kills workers may be in here.
    pub fn is_redelivered(&self) -> bool {
        self.0.claimed.deliveries > 0
    }

    /// How often it came back: the exponent of its next delay.
    pub(crate) fn deliveries(&self) -> u32 {
        self.0.claimed.deliveries
    }

    /// How long ago the job was pushed: Redis's measure until the claim, this process's since.
    pub fn age(&self) -> Duration {
        self.0.claimed.record.pushed_ms().map_or(Duration::ZERO, |pushed| self.since_us(pushed * 1_000))
    }

    /// How long ago a moment of Redis's clock was; never less than it truly is.
    pub fn since_us(&self, moment: i64) -> Duration {
        let since_claim = self.0.claim.ours.elapsed().as_micros() as i64;
        Duration::from_micros(u64::try_from(since_claim + self.0.claim.redis_us - moment).unwrap_or(0))
    }

    /// These tokens were not used: they go back when the job is settled as done, by whoever holds its lease then.
    pub fn give_back(&self, tokens: Vec<TokenReturn>) {
        self.0.unused.lock().unwrap_or_else(PoisonError::into_inner).extend(tokens);
    }

    pub(crate) fn unused(&self) -> Vec<TokenReturn> {
        self.0.unused.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
    pub async fn mark(&self, row: impl fmt::Display) -> Result<Marked> {
        self.write_mark(row.to_string()).await
    }

    pub async fn clear_mark(&self) -> Result<Marked> {
        self.write_mark(String::new()).await
    }

    async fn write_mark(&self, row: String) -> Result<Marked> {
        let Shared { link, options, .. } = &*self.0.shared;
        let keys = link.keys();
        let held = keys.pool(&options.pool, &format!("held:{}", self.0.claim.token));
        let names = [keys.pulse(), held, keys.pool(&options.pool, "marks")];
        let args = [Arg::Text(self.job()), Arg::Owned(row)];
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
            .field("job", &self.job())
            .field("deliveries", &self.deliveries())
            .finish_non_exhaustive()
    }
}
