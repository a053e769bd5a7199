//! Connections of a sender, shared by all workers: this process may open as many as it holds leases for.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use domain::ids::{SenderId, WorkerId};
use futures::future::{BoxFuture, join_all};
use limits::{ConnectionHolding, ConnectionShare, LeasedConnections, Limiter};
use providers::smtp::ConnectionGate;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::senders::ReadySender;

/// Before asking again for a connection that nobody gave up yet; doubles up to the ceiling.
const ASK_AGAIN: Duration = Duration::from_millis(10);
const ASK_AGAIN_CEILING: Duration = Duration::from_millis(160);
/// Who has its share learns within a second that it has grown.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// What nobody here has used for so long is given up as soon as another wants it: a connection that merely rests
/// between two jobs is not, or it would wander to and fro and be opened anew each time.
const RESTED: Duration = Duration::from_millis(500);
/// Leases that nobody here has used for so long go back unasked.
const KEPT_IDLE: Duration = Duration::from_secs(20);
/// Wishes of other workers are answered at most so often.
const TELL_EVERY: Duration = Duration::from_millis(100);
/// Renewals wait so long for a lease that is under way: both may take three seconds, and what is not renewed for five is
/// somebody else's.
const TELL_WITHIN: Duration = Duration::from_millis(500);

pub struct SenderConnections {
    sender: SenderId,
    worker: WorkerId,
    limits: Limiter,
    /// How many the sender may have, over the whole fleet.
    most: AtomicU32,
    /// How many of them are ours; each is a permit, in use or free.
    held: AtomicU32,
    /// How many may be ours, as last told.
    share: AtomicU32,
    permits: Arc<Semaphore>,
    waiting: AtomicU32,
    growing: Mutex<()>,
    /// Held while Redis is asked for some or told how many: a count that was made before a lease and arrives after it would
    /// take that lease back, and another worker would be given what is open here.
    telling: Mutex<()>,
    shrinking: AtomicBool,
    times: std::sync::Mutex<Times>,
}

#[derive(Clone, Copy)]
struct Times {
    used: Instant,
    told: Option<Instant>,
}

impl SenderConnections {
    pub fn new(worker: WorkerId, sender: SenderId, most: u32, limits: Limiter) -> Self {
        Self {
            sender,
            worker,
            limits,
            most: AtomicU32::new(most),
            held: AtomicU32::new(0),
            share: AtomicU32::new(most),
            permits: Arc::new(Semaphore::new(0)),
            waiting: AtomicU32::new(0),
            growing: Mutex::default(),
            telling: Mutex::default(),
            shrinking: AtomicBool::new(false),
            times: std::sync::Mutex::new(Times { used: Instant::now(), told: None }),
        }
    }

    pub fn set_most(&self, most: u32) {
        if self.most.swap(most, Ordering::Relaxed) != most {
            self.share.store(most, Ordering::Relaxed);
        }
    }

    pub fn holding(&self) -> ConnectionHolding {
        let (most, held) = (self.most.load(Ordering::Relaxed), self.held.load(Ordering::Relaxed));
        ConnectionHolding { sender: self.sender, most, held }
    }

    /// How many may be open and idle.
    pub fn free(&self) -> usize {
        self.permits.available_permits()
    }

    /// Whether a wish of another worker should be looked at now.
    pub fn is_worth_telling(&self) -> bool {
        let mut times = self.times();
        let worth = self.holding().held > 0 && times.told.is_none_or(|at| at.elapsed() >= TELL_EVERY);
        if worth {
            times.told = Some(Instant::now());
        }
        worth
    }

    /// Says how many of these are held here, in one call, and what each is told. One whose lease is slow is left out until
    /// the next time, and holds up no others.
    pub async fn renew<'a>(
        limits: &Limiter,
        worker: WorkerId,
        some: &'a [Arc<Self>],
    ) -> limits::Result<Vec<(&'a Arc<Self>, ConnectionShare)>> {
        let told_alone = some.iter().map(|connections| timeout(TELL_WITHIN, connections.telling.lock()));
        let told_alone = join_all(told_alone).await;
        let told: Vec<_> = some.iter().zip(&told_alone).filter(|(_, lock)| lock.is_ok()).map(|(of, _)| of).collect();
        let holdings: Vec<_> = told.iter().map(|connections| connections.holding()).collect();
        Ok(told.into_iter().zip(limits.renew_connections(worker, &holdings).await?).collect())
    }

    /// Another worker wants some, or nobody here has needed ours for long: gives back what is beyond the share, as soon
    /// as it is free.
    pub fn keep_to(self: &Arc<Self>, told: ConnectionShare, ready: Option<Arc<ReadySender>>) {
        self.share.store(told.share, Ordering::Relaxed);
        let held = self.holding().held;
        let rested = self.times().used.elapsed();
        let unused =
            self.waiting.load(Ordering::Relaxed) == 0 && (rested > KEPT_IDLE || (told.wanted && rested > RESTED));
        let beyond = if unused { (self.free() as u32).min(held) } else { held.saturating_sub(told.share) };
        if beyond == 0 || self.shrinking.swap(true, Ordering::AcqRel) {
            return;
        }
        let this = Arc::clone(self);
        tokio::spawn(async move {
            for _ in 0..beyond {
                // What is unused is free now, or is used again. What is beyond the share is given up in line with whoever
                // waits for a permit here, one by one: none is hoarded while another is busy.
                let permit = if unused {
                    Arc::clone(&this.permits).try_acquire_owned().ok()
                } else {
                    Arc::clone(&this.permits).acquire_owned().await.ok()
                };
                let Some(permit) = permit else { break };
                permit.forget();
                // Closed before somebody else may open one in its place.
                if let Some(ready) = &ready {
                    ready.pool.trim_idle(this.free());
                }
                this.held.fetch_sub(1, Ordering::AcqRel);
            }
            // If this does not arrive, the next renewal says the same.
            let _ = Self::renew(&this.limits, this.worker, std::slice::from_ref(&this)).await;
            this.shrinking.store(false, Ordering::Release);
        });
    }

    async fn permit(&self) -> OwnedSemaphorePermit {
        self.times().used = Instant::now();
        loop {
            if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
                return permit;
            }
            tokio::select! {
                biased;
                permit = Arc::clone(&self.permits).acquire_owned() => {
                    if let Ok(permit) = permit {
                        return permit;
                    }
                }
                () = self.grow() => {}
            }
        }
    }

    /// Leases more, one call at a time, for as many as wait. Dropped in the middle it may leave a lease that nobody
    /// counts; the next renewal says what is really held.
    async fn grow(&self) {
        let _alone = self.growing.lock().await;
        let mut pause = ASK_AGAIN;
        while self.permits.available_permits() == 0 {
            let ConnectionHolding { most, held, .. } = self.holding();
            let share = self.share.load(Ordering::Relaxed).clamp(1, most);
            if held >= share {
                // Ours come free here; asking would only keep others busy.
                tokio::time::sleep(LOOK_AGAIN).await;
                continue;
            }
            let wanted = self.waiting.load(Ordering::Relaxed).clamp(1, share - held);
            match self.lease(most, wanted).await {
                Ok(0) => {}
                Ok(_) => return,
                Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "cannot lease a connection"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(ASK_AGAIN_CEILING);
        }
    }

    async fn lease(&self, most: u32, wanted: u32) -> limits::Result<u32> {
        let _asked_alone = self.telling.lock().await;
        let LeasedConnections { granted, share } =
            self.limits.lease_connections(self.worker, self.sender, most, wanted).await?;
        self.share.store(share, Ordering::Relaxed);
        self.held.fetch_add(granted, Ordering::AcqRel);
        self.permits.add_permits(granted as usize);
        Ok(granted)
    }

    fn times(&self) -> std::sync::MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts who waits, also when they stop waiting half-way.
struct Waiting<'a>(&'a AtomicU32);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ConnectionGate for SenderConnections {
    fn enter(&self) -> BoxFuture<'_, OwnedSemaphorePermit> {
        Box::pin(async move {
            self.waiting.fetch_add(1, Ordering::Relaxed);
            let _waiting = Waiting(&self.waiting);
            self.permit().await
        })
    }
}
