use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use apalis::layers::WorkerBuilderExt;
use apalis_core::error::WorkerError;
use apalis_core::worker::builder::WorkerBuilder;
use clap::Args;
use domain::ids::{JobId, MessageId, SenderId, TenantId, WorkerId};
use domain::jobs::{PoolName, SendJob};
use domain::messages::Priority;
use queue::leader::Caps;
use queue::{BackendOptions, Delivery, JobPush, Keys, Outcome, Pushed, QueueBackend, QueueLink};
use runtime::Ids;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::BenchResult;
use super::ledger::Ledger;
use crate::stack::Stores;

const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Of the jobs with a ledger: each is three statements' share in Postgres.
const LEDGER_SHARE: u32 = 10;

#[derive(Args)]
pub struct NoopBench {
    /// Jobs, each with one id.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1_000..=2_000_000))]
    jobs: u32,
    /// Jobs in hand at once.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    concurrency: u32,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// A queue that is ours alone, with room for everything.
pub struct BareQueue {
    pub link: QueueLink,
    pub pool: PoolName,
    pub ids: Ids,
    pub tenant: TenantId,
    pub sender: SenderId,
}

impl NoopBench {
    pub async fn run(&self) -> anyhow::Result<BenchResult> {
        Stores::with("bench-noop", async |stores| {
            let queue = BareQueue::begin(&stores.services.redis_url, &stores.redis_tag, self.jobs).await?;
            let ids: Vec<MessageId> = (0..self.jobs).map(|_| queue.ids.next()).collect();
            let alone = self.round(&queue, &ids, None).await?;

            let ledger = Arc::new(Ledger::begin(stores, &queue, self.jobs / LEDGER_SHARE).await?);
            let rows = ledger.rows();
            let with_ledger = self.round(&queue, &rows, Some(Arc::clone(&ledger))).await?;
            ledger.check(stores).await?;
            let answer = json!({
                "jobs": self.jobs,
                "concurrency": self.concurrency,
                "noop_per_s": alone.round(),
                "with_ledger_per_s": with_ledger.round(),
            });
            Ok(BenchResult { answer, holds: true })
        })
        .await
    }

    /// Pushes everything, then handles it; answers jobs a second from the worker's start until all are settled.
    async fn round(&self, queue: &BareQueue, rows: &[MessageId], ledger: Option<Arc<Ledger>>) -> anyhow::Result<f64> {
        queue.push(rows, ledger.as_deref()).await?;
        let worker: WorkerId = ledger.as_ref().map_or_else(|| queue.ids.next(), |ledger| ledger.worker);
        let mut options = BackendOptions::new(queue.pool.clone(), worker);
        options.jobs_max = self.concurrency as usize;
        let (handled, stop) = (Arc::new(AtomicU64::new(0)), CancellationToken::new());
        let since = Instant::now();
        let backend = QueueBackend::<SendJob>::new(queue.link.clone(), options, stop.clone());
        let counted = Arc::clone(&handled);
        let worker = WorkerBuilder::new("bench").backend(backend).catch_panic().build(move |job: Delivery<SendJob>| {
            let (counted, ledger) = (Arc::clone(&counted), ledger.clone());
            async move {
                if let Some(ledger) = ledger {
                    ledger.keep(&job.job).await?;
                }
                counted.fetch_add(1, Ordering::Relaxed);
                anyhow::Ok(Outcome::Done)
            }
        });
        let signal = stop.clone();
        let running = tokio::spawn(worker.run_until(async move {
            signal.cancelled().await;
            Ok::<(), WorkerError>(())
        }));
        while handled.load(Ordering::Relaxed) < rows.len() as u64 || queue.link.audit(&queue.pool).await?.jobs > 0 {
            anyhow::ensure!(since.elapsed() < PATIENCE, "only {} were handled", handled.load(Ordering::Relaxed));
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let took = since.elapsed().as_secs_f64();
        anyhow::ensure!(handled.load(Ordering::Relaxed) == rows.len() as u64, "a job was handled twice");
        stop.cancel();
        running.await??;
        Ok(rows.len() as f64 / took)
    }
}

impl BareQueue {
    async fn begin(redis_url: &str, tag: &str, jobs: u32) -> anyhow::Result<Self> {
        let (link, ids) = (QueueLink::connect(redis_url, Keys::with_tag(tag))?, Ids::system());
        link.begin_generation(ids.next(), 1, true).await?;
        let (tenant, sender) = (ids.next(), ids.next());
        link.occupancy(&Caps { window: jobs, tenant: jobs, senders: vec![(sender, jobs)] }).await?;
        Ok(Self { link, pool: PoolName::send_shared(), ids, tenant, sender })
    }

    async fn push(&self, rows: &[MessageId], ledger: Option<&Ledger>) -> anyhow::Result<()> {
        let push = |row: &MessageId| JobPush {
            job: SendJob {
                id: ledger.map_or_else(|| self.ids.next::<JobId>(), |ledger| ledger.job_of(*row)),
                pool: self.pool.clone(),
                tenant: self.tenant,
                sender: self.sender,
                priority: Priority::Normal,
                rows: vec![*row],
                alone: false,
                grant: None,
            },
            sender_max: 0,
        };
        let pushes: Vec<JobPush> = rows.iter().map(push).collect();
        let answers = self.link.push(&self.pool, &pushes).await?;
        anyhow::ensure!(answers.iter().all(|answer| *answer == Pushed::Yes), "the window refused a push");
        Ok(())
    }
}
