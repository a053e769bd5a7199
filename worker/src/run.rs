use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use apalis::layers::WorkerBuilderExt;
use apalis_core::error::WorkerError;
use apalis_core::worker::builder::WorkerBuilder;
use domain::ids::WorkerId;
use domain::jobs::{PoolName, SendJob, TimeoutJob};
use futures::future::BoxFuture;
use queue::{BackendOptions, Delivery, QueueBackend, QueueLink, QueueName};
use runtime::Shutdown;
use store::Store;
use store::fleet::NewWorker;
use tokio_util::sync::CancellationToken;

use crate::registry::{handle_send, handle_timeout};
use crate::{Context, heartbeat};

/// Who this run is. The id is new at every start, so two processes can never be taken for one.
#[derive(Debug, Clone)]
pub struct WorkerIdentity {
    pub id: WorkerId,
    pub name: String,
    pub host: String,
}

pub struct Worker {
    pub identity: WorkerIdentity,
    pub context: Arc<Context>,
    pub queue: QueueLink,
    /// For the heartbeat alone.
    pub heartbeat_store: Store,
    pub jobs_max: usize,
    /// How long sends past the point of no return may go on after a stop.
    pub drain: Duration,
}

/// Jobs of timers in hand at once: each is a transaction.
const TIMEOUT_JOBS: usize = 4;
/// To write down what could not be waited for.
const LAST_WORDS: Duration = Duration::from_secs(3);

impl Worker {
    /// Works until shutdown: then claims nothing more, finishes what is committed, hands back what is not.
    pub async fn run(self, shutdown: Shutdown) -> anyhow::Result<()> {
        let pool = PoolName::send_shared();
        let gone = CancellationToken::new();
        let beating = tokio::spawn(heartbeat::beat(
            self.heartbeat_store,
            NewWorker {
                id: self.identity.id,
                name: self.identity.name.clone(),
                host: self.identity.host.clone(),
                pid: std::process::id(),
                pools: vec![pool.to_string(), PoolName::timeout_shared().to_string()],
            },
            shutdown.token(),
            gone.clone(),
        ));

        let mut options = BackendOptions::new(pool, self.identity.id);
        options.jobs_max = self.jobs_max;
        let (context, queue) = (Arc::clone(&self.context), self.queue.clone());
        let telling = tokio::spawn(async move { context.live.keep_telling(queue).await });
        let timers = tokio::spawn(fire(&self.identity, &self.context, &self.queue, &shutdown));
        let backend = QueueBackend::<SendJob>::new(self.queue, options, shutdown.token());
        let context = Arc::clone(&self.context);
        let working = WorkerBuilder::new(self.identity.name.as_str())
            .backend(backend)
            .catch_panic()
            .build(move |delivery: Delivery<SendJob>| {
                let context = Arc::clone(&context);
                async move {
                    let job = delivery.job.id;
                    let handled = handle_send(delivery, context).await;
                    if let Err(error) = &handled {
                        tracing::warn!(%job, error = format!("{error:#}"), "a job failed and comes back");
                    }
                    handled
                }
            })
            .run_until({
                let shutdown = shutdown.clone();
                async move {
                    shutdown.begun().await;
                    Ok::<(), WorkerError>(())
                }
            });
        // Boxed here, where the compiler still sees that the whole of it may move between threads.
        let working: BoxFuture<'_, Result<(), WorkerError>> = Box::pin(working);
        tracing::info!(worker = %self.identity.id, name = %self.identity.name, "works");

        let context = Arc::clone(&self.context);
        let keeping = tokio::spawn(async move { context.senders.keep_connections().await });
        let drained = async {
            shutdown.begun().await;
            tokio::time::sleep(self.drain).await;
        };
        let ended = tokio::select! {
            ended = working => ended.map_err(|error| anyhow::anyhow!("the worker ended: {error}")),
            () = drained => {
                let shown = self.context.show_unanswered(LAST_WORDS).await;
                tracing::warn!(shown, "stopped with sends unanswered; they show as uncertain");
                Ok(())
            }
        };
        keeping.abort();
        telling.abort();
        if tokio::time::timeout(LAST_WORDS, timers).await.is_err() {
            tracing::warn!("stopped with timers in hand; their leases run out by themselves");
        }
        gone.cancel();
        tokio::time::timeout(LAST_WORDS, beating).await.context("could not sign off in time")??;
        tracing::info!(worker = %self.identity.id, "stopped");
        ended
    }
}

/// Drains the timeout queue beside the mail: its jobs take milliseconds, and must not wait behind sends that take minutes.
fn fire(
    identity: &WorkerIdentity,
    context: &Arc<Context>,
    queue: &QueueLink,
    shutdown: &Shutdown,
) -> BoxFuture<'static, ()> {
    let mut options = BackendOptions::new(PoolName::timeout_shared(), identity.id);
    options.jobs_max = TIMEOUT_JOBS;
    let (context, shutdown) = (Arc::clone(context), shutdown.clone());
    let backend = QueueBackend::<TimeoutJob>::new(queue.of_queue(QueueName::Timeout), options, shutdown.token());
    let working = WorkerBuilder::new(format!("{}-timers", identity.name))
        .backend(backend)
        .catch_panic()
        .build(move |delivery: Delivery<TimeoutJob>| {
            let context = Arc::clone(&context);
            async move {
                let job = delivery.job.id;
                let handled = handle_timeout(delivery, context).await;
                if let Err(error) = &handled {
                    tracing::warn!(%job, error = format!("{error:#}"), "a job of timers failed and comes back");
                }
                handled
            }
        })
        .run_until(async move {
            shutdown.begun().await;
            Ok::<(), WorkerError>(())
        });
    // Boxed here, where the compiler still sees that the whole of it may move between threads.
    let working: BoxFuture<'static, Result<(), WorkerError>> = Box::pin(working);
    Box::pin(async move {
        if let Err(error) = working.await {
            tracing::error!(%error, "the timers' worker ended");
        }
    })
}
