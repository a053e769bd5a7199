use std::sync::Arc;
use std::time::Duration;

use domain::limits::TokenReturn;
use link::{Arg, encode_returns};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::record::{Record, Share};
use super::{Lease, Shared};
use crate::backoff::Waits;
use crate::{Outcome, QueueError, Result, scripts};

/// Leases ended in one call.
const SETTLE_BATCH_MAX: usize = 256;
/// First delay of a job whose handler failed; doubles with every delivery.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_CEILING: Duration = Duration::from_secs(60);

#[derive(Clone, Copy)]
enum Verdict {
    Done,
    Release,
    Garbage,
    Retry(Duration),
}

struct Settlement {
    lease: Lease,
    verdict: Verdict,
    /// Tokens that go back with it.
    unused: Vec<TokenReturn>,
}

/// Ends leases in batches and in the background; a Redis that is away is waited for, and nothing else waits with it.
pub(super) struct Settler {
    sender: Option<mpsc::UnboundedSender<Settlement>>,
    inbox: Option<mpsc::UnboundedReceiver<Settlement>>,
    shared: Arc<Shared>,
    task: Option<JoinHandle<()>>,
}

/// Bounded by what is in hand: each lease settles once.
#[derive(Clone)]
pub(super) struct SettlerHandle(Option<mpsc::UnboundedSender<Settlement>>);

impl Settler {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let (sender, inbox) = mpsc::unbounded_channel();
        Self { sender: Some(sender), inbox: Some(inbox), shared, task: None }
    }

    pub(super) fn handle(&mut self) -> SettlerHandle {
        if let Some(inbox) = self.inbox.take() {
            self.task = Some(tokio::spawn(run(Arc::clone(&self.shared), inbox)));
        }
        SettlerHandle(self.sender.clone())
    }

    /// Moves the settler out, to be drained.
    pub(super) fn take(&mut self) -> Self {
        Self {
            sender: self.sender.take(),
            inbox: self.inbox.take(),
            shared: Arc::clone(&self.shared),
            task: self.task.take(),
        }
    }

    /// Waits until everything handed in is settled, or the time is over; leases that remain run out by themselves.
    pub(super) async fn drain(self, limit: Duration) {
        if tokio::time::timeout(limit, self.shared.in_hand.emptied()).await.is_err() {
            tracing::warn!("stopped with leases unsettled; they run out by themselves");
        }
        if let Some(task) = self.task {
            task.abort();
        }
    }
}

impl SettlerHandle {
    /// `None` is a handler that failed.
    pub(super) fn settle(&self, lease: &Lease, outcome: Option<&Outcome>) {
        let verdict = match outcome {
            Some(Outcome::Done | Outcome::Skipped(_) | Outcome::Dead(_)) => Verdict::Done,
            Some(Outcome::Release) => Verdict::Release,
            Some(Outcome::Snooze(delay)) => Verdict::Retry(*delay),
            None => {
                let doubled = RETRY_FIRST.saturating_mul(1 << lease.deliveries().min(10));
                Verdict::Retry(doubled.min(RETRY_CEILING))
            }
        };
        self.send(lease, verdict);
    }

    pub(super) fn release(&self, lease: &Lease) {
        self.send(lease, Verdict::Release);
    }

    pub(super) fn garbage(&self, lease: &Lease) {
        self.send(lease, Verdict::Garbage);
    }

    fn send(&self, lease: &Lease, verdict: Verdict) {
        if let Some(sender) = &self.0 {
            // Fails only once the settler was drained, when the lease is left to run out.
            let unused = if matches!(verdict, Verdict::Done) { lease.unused() } else { Vec::new() };
            let _ = sender.send(Settlement { lease: lease.clone(), verdict, unused });
        }
    }
}

async fn run(shared: Arc<Shared>, mut inbox: mpsc::UnboundedReceiver<Settlement>) {
    let mut batch = Vec::with_capacity(SETTLE_BATCH_MAX);
    while inbox.recv_many(&mut batch, SETTLE_BATCH_MAX).await > 0 {
        let mut waits = Waits::new();
        loop {
            match settle(&shared, &batch).await {
                Ok(()) => break,
                // The jobs went with the old generation; their rows are due again.
                Err(QueueError::Lost) => break,
                Err(error) => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "settling failed, trying again");
                    tokio::time::sleep(waits.next()).await;
                }
            }
        }
        failpoint::hold("queue.after_settle").await;
        shared.in_hand.remove(batch.iter().map(|settlement| &settlement.lease));
        batch.clear();
    }
}

async fn settle(shared: &Shared, batch: &[Settlement]) -> Result<()> {
    let (keys, pool) = (shared.link.keys(), &shared.options.pool);
    let [high, normal, low] = keys.ready(pool);
    let part = |part| keys.pool(pool, part);
    let mut names = vec![
        keys.pulse(),
        keys.window(),
        keys.caps(),
        keys.backlog(),
        keys.drained(),
        part("data"),
        high,
        normal,
        low,
        part("delayed"),
        part("leases"),
        part("held"),
        part("deliveries"),
        part("marks"),
        part("garbage"),
    ];
    let mut sorted: Vec<&Settlement> = batch.iter().collect();
    sorted.sort_by_key(|settlement| settlement.kind());
    let claims: Vec<&[&Settlement]> = sorted.chunk_by(|a, b| a.lease.turn() == b.lease.turn()).collect();

    let mut args = vec![Arg::Owned(keys.bell()), Arg::Owned(keys.wake(pool)), Arg::Number(claims.len() as i64)];
    for claim in &claims {
        args.extend([Arg::Text(claim[0].lease.token()), Arg::Number(claim.len() as i64)]);
        args.extend(claim.iter().map(|settlement| Arg::Text(settlement.lease.job())));
    }
    let before = names.len();
    for alike in sorted.chunk_by(|a, b| a.kind() == b.kind() && a.unused.is_empty() && b.unused.is_empty()) {
        let Kind { share, word, delay, .. } = alike[0].kind();
        args.extend([
            Arg::Number(alike.len() as i64),
            Arg::Text(word),
            Arg::Number(delay.as_millis() as i64),
            Arg::Text(share.tenant),
            Arg::Text(share.sender),
            Arg::Number(i64::from(share.rows)),
            Arg::Number(i64::from(share.priority)),
        ]);
        encode_returns(&alike[0].unused, before, &mut names, &mut args);
    }
    shared.link.call(&scripts::SETTLE, &names, &args).await?;
    Ok(())
}

/// What is alike in this is settled at once.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Kind<'a> {
    turn: u64,
    share: Share<'a>,
    word: &'static str,
    delay: Duration,
}

impl Settlement {
    fn kind(&self) -> Kind<'_> {
        let (word, delay) = match (self.verdict, self.lease.record()) {
            (_, Record::Gone) => ("gone", Duration::ZERO),
            (_, Record::Unreadable) => ("unreadable", Duration::ZERO),
            (Verdict::Done, _) => ("done", Duration::ZERO),
            (Verdict::Release, _) => ("release", Duration::ZERO),
            (Verdict::Garbage, _) => ("garbage", Duration::ZERO),
            (Verdict::Retry(delay), _) => ("retry", delay),
        };
        Kind { turn: self.lease.turn(), share: self.lease.record().share(), word, delay }
    }
}
