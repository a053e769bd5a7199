//! apalis-core's `Backend` over our own layout.
//!
//! The pump claims, the renewer renews, the settler settles: three tasks of their own, so that a slow handler or a
//! Redis that is away never starves a lease, and no error of theirs ever ends a worker or cancels a handler.

mod in_hand;
mod lease;
mod pump;
mod record;
mod renewer;
mod settle_layer;
mod settler;
mod waiting;
mod wake;

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::task::Task;
use apalis_core::worker::context::WorkerContext;
use domain::ids::WorkerId;
use domain::jobs::PoolName;
use futures::future::BoxFuture;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use lease::{Lease, Marked};

use crate::{QueueError, QueueJob, QueueLink, Result};
use in_hand::InHand;
use settle_layer::SettleLayer;
use settler::Settler;
use waiting::Waiting;

/// A job as its handler gets it.
#[derive(Debug, Clone)]
pub struct Delivery<J> {
    pub job: J,
    pub lease: Lease,
}

#[derive(Debug, Clone)]
pub struct BackendOptions {
    pub pool: PoolName,
    /// This process's run: part of every token, so two processes can never hold one lease, whatever they are called.
    pub worker: WorkerId,
    /// Jobs in hand at once.
    pub jobs_max: usize,
    /// A job not renewed for this long goes to another worker.
    pub lease: Duration,
    /// Fallback where no wake-up comes.
    pub poll: Duration,
    /// How long settling may go on after everything else has stopped.
    pub drain: Duration,
}

impl BackendOptions {
    pub fn new(pool: PoolName, worker: WorkerId) -> Self {
        Self {
            pool,
            worker,
            jobs_max: 32,
            lease: Duration::from_secs(10),
            poll: Duration::from_secs(1),
            drain: Duration::from_secs(3),
        }
    }
}

impl BackendOptions {
    /// If Redis heard nobody for this long, it was out of reach. Always shorter than a lease, which would else run out
    /// unnoticed, and longer than the pause between two renewals.
    fn silence(&self) -> Duration {
        (self.lease / 2).min(Duration::from_millis(2_500))
    }
}

/// What the three tasks and the leases share.
pub(crate) struct Shared {
    pub link: QueueLink,
    pub options: BackendOptions,
    pub in_hand: InHand,
    pub permits: Arc<Semaphore>,
    pub wake: Notify,
    pub stop: CancellationToken,
}

struct Tasks {
    pump: JoinHandle<()>,
    others: [JoinHandle<()>; 2],
}

pub struct QueueBackend<J> {
    shared: Arc<Shared>,
    settler: Settler,
    waiting: Arc<Waiting<J>>,
    tasks: Option<Tasks>,
    closing: Option<BoxFuture<'static, ()>>,
}

impl<J> QueueBackend<J> {
    /// `stop` ends claiming at once; what is in hand is finished, what was not started is released.
    pub fn new(link: QueueLink, options: BackendOptions, stop: CancellationToken) -> Self {
        let shared = Arc::new(Shared {
            link,
            in_hand: InHand::default(),
            permits: Arc::new(Semaphore::new(options.jobs_max)),
            wake: Notify::new(),
            stop,
            options,
        });
        let settler = Settler::new(Arc::clone(&shared));
        Self { settler, shared, waiting: Arc::default(), tasks: None, closing: None }
    }
}

impl<J: QueueJob> Backend for QueueBackend<J> {
    type Task = Task<Delivery<J>>;
    type Error = Infallible;

    fn poll_ready(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        self.tasks.get_or_insert_with(|| {
            let (shared, settler) = (Arc::clone(&self.shared), self.settler.handle());
            Tasks {
                pump: tokio::spawn(pump::pump(Arc::clone(&shared), settler, Arc::clone(&self.waiting))),
                others: [tokio::spawn(wake::listen(Arc::clone(&shared))), tokio::spawn(renewer::renew(shared))],
            }
        });
        Poll::Ready(Ok(()))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>, _: &WorkerContext) -> Poll<Option<Result<Self::Task, Infallible>>> {
        self.waiting.poll_take(cx).map(|delivery| Some(Ok(task(delivery))))
    }

    /// Called when no handler runs any more: what was claimed and not started goes back, then the settler is waited for.
    fn poll_close(&mut self, cx: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        if self.closing.is_none() {
            self.shared.stop.cancel();
            let (tasks, shared, settler) = (self.tasks.take(), Arc::clone(&self.shared), self.settler.take());
            self.closing = Some(Box::pin(async move {
                let Some(Tasks { pump, others }) = tasks else { return };
                // It ends by itself, when it has given back what nobody began.
                let _ = tokio::time::timeout(shared.options.drain, pump).await;
                settler.drain(shared.options.drain).await;
                others.into_iter().for_each(|task| task.abort());
            }));
        }
        match &mut self.closing {
            Some(closing) => closing.as_mut().poll(cx).map(Ok),
            None => Poll::Ready(Ok(())),
        }
    }
}

/// A worker that is dropped must not go on claiming or renewing in the name of handlers that are gone.
impl<J> Drop for QueueBackend<J> {
    fn drop(&mut self) {
        if let Some(Tasks { pump, others }) = self.tasks.take() {
            pump.abort();
            others.into_iter().for_each(|task| task.abort());
        }
    }
}

impl<J: QueueJob> BackendConfig for QueueBackend<J> {
    type Args = Delivery<J>;
    type Id = String;
    type Kind = Ephemeral;
    type Config = BackendOptions;
    type Layer = SettleLayer;

    fn config(&self) -> &BackendOptions {
        &self.shared.options
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> SettleLayer {
        SettleLayer::new(self.settler.handle())
    }
}

/// Whose a token is: it begins with the worker that holds it.
pub(crate) fn holder(token: &str) -> Result<WorkerId> {
    token.split(':').next().and_then(|worker| worker.parse().ok()).ok_or(QueueError::Unreadable)
}

fn task<J>(delivery: Delivery<J>) -> Task<Delivery<J>> {
    let id = apalis_core::task::task_id::TaskId::from_string(delivery.lease.job().to_owned());
    apalis_core::task::builder::TaskBuilder::new(delivery).task_id(id).build()
}
