use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apalis::layers::WorkerBuilderExt;
use apalis_core::error::WorkerError;
use apalis_core::worker::builder::WorkerBuilder;
use domain::ids::{JobId, MessageId, SenderId, TenantId, WorkerId};
use domain::jobs::{PoolName, SendJob};
use domain::messages::Priority;
use queue::leader::{Beat, Caps};
use queue::{BackendOptions, Delivery, JobPush, Keys, Outcome, Pushed, QueueBackend, QueueLink};
use runtime::Ids;
use testkit::RedisServer;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// A Redis of the test's own, with a generation begun.
pub struct Fleet {
    pub redis: RedisServer,
    pub link: QueueLink,
    pub pool: PoolName,
    pub ids: Ids,
    pub tenant: TenantId,
    pub sender: SenderId,
    beat: Mutex<i64>,
}

/// How often each job was handled, and by whom.
#[derive(Clone, Default)]
pub struct Handled(Arc<Mutex<HashMap<JobId, u32>>>);

pub struct RunningWorker {
    pub stop: CancellationToken,
    pub task: JoinHandle<Result<(), WorkerError>>,
}

impl Fleet {
    pub async fn start() -> anyhow::Result<Self> {
        let redis = RedisServer::start()?;
        let link = QueueLink::connect(&redis.url(), Keys::default())?;
        let ids = Ids::system();
        let fleet = Self {
            redis,
            link,
            pool: PoolName::send_shared(),
            tenant: ids.next(),
            sender: ids.next(),
            ids,
            beat: Mutex::new(1),
        };
        fleet.begin_generation().await?;
        Ok(fleet)
    }

    /// Begins a generation, as the leader does after a loss, with room for everything.
    pub async fn begin_generation(&self) -> anyhow::Result<Uuid> {
        let (generation, beat) = (self.ids.next(), self.next_beat());
        self.link.begin_generation(generation, beat, false).await?;
        let caps = Caps { window: 1_000_000, tenant: 1_000_000, senders: vec![(self.sender, 1_000_000)] };
        self.link.occupancy(&caps).await?;
        Ok(generation)
    }

    /// The leader's pulse.
    pub async fn beat(&self) -> queue::Result<Beat> {
        let beat = self.next_beat();
        self.link.beat(beat - 1, beat).await
    }

    fn next_beat(&self) -> i64 {
        let mut beat = self.beat.lock().expect("not poisoned");
        *beat += 1;
        *beat
    }

    pub fn job(&self, rows: usize) -> SendJob {
        SendJob {
            id: self.ids.next(),
            pool: self.pool.clone(),
            tenant: self.tenant,
            sender: self.sender,
            priority: Priority::Normal,
            rows: (0..rows).map(|_| self.ids.next::<MessageId>()).collect(),
            alone: false,
            grant: None,
        }
    }

    pub async fn push(&self, jobs: Vec<SendJob>) -> anyhow::Result<Vec<JobId>> {
        let ids = jobs.iter().map(|job| job.id).collect();
        let pushes: Vec<JobPush> = jobs.into_iter().map(|job| JobPush { job, sender_max: 0 }).collect();
        let answers = self.link.push(&self.pool, &pushes).await?;
        anyhow::ensure!(answers.iter().all(|answer| *answer == Pushed::Yes), "the window refused a push");
        Ok(ids)
    }

    /// A second process's link, in step with this one's pulse.
    pub fn another_link(&self) -> anyhow::Result<QueueLink> {
        let link = QueueLink::connect(&self.redis.url(), Keys::default())?;
        let (generation, beat) = self.link.pulse().get();
        link.pulse().adopt(generation, beat + 1);
        Ok(link)
    }

    pub fn options(&self) -> BackendOptions {
        let worker: WorkerId = self.ids.next();
        BackendOptions { lease: Duration::from_secs(2), ..BackendOptions::new(self.pool.clone(), worker) }
    }

    /// A worker whose handler counts and does what it is told.
    pub fn work<F, Fut>(&self, options: BackendOptions, handled: &Handled, act: F) -> anyhow::Result<RunningWorker>
    where
        F: Fn(Delivery<SendJob>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Outcome, anyhow::Error>> + Send + 'static,
    {
        let stop = CancellationToken::new();
        let backend = QueueBackend::<SendJob>::new(self.another_link()?, options, stop.clone());
        let (signal, handled) = (stop.clone(), handled.clone());
        let worker = WorkerBuilder::new("same-name-everywhere").backend(backend).catch_panic().build(
            move |delivery: Delivery<SendJob>| {
                let (job, handled, acting) = (delivery.job.id, handled.clone(), act(delivery));
                async move {
                    let outcome = acting.await;
                    handled.note(job);
                    outcome
                }
            },
        );
        let task = tokio::spawn(worker.run_until(async move {
            signal.cancelled().await;
            Ok::<(), WorkerError>(())
        }));
        Ok(RunningWorker { stop, task })
    }

    pub fn work_plainly(&self, handled: &Handled) -> anyhow::Result<RunningWorker> {
        self.work(self.options(), handled, |_| async { Ok(Outcome::Done) })
    }

    /// Names of keys that hold work: all but the pulse and the caps, which are of constant size.
    pub fn keys_with_work(&self) -> anyhow::Result<Vec<String>> {
        let names: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut self.redis.client()?)?;
        Ok(names.into_iter().filter(|name| !name.ends_with(":pulse") && !name.ends_with(":caps")).collect())
    }
}

impl Handled {
    pub fn note(&self, job: JobId) {
        *self.0.lock().expect("not poisoned").entry(job).or_default() += 1;
    }

    pub fn jobs(&self) -> usize {
        self.0.lock().expect("not poisoned").len()
    }

    pub fn times(&self, job: JobId) -> u32 {
        self.0.lock().expect("not poisoned").get(&job).copied().unwrap_or(0)
    }

    pub fn most(&self) -> u32 {
        self.0.lock().expect("not poisoned").values().copied().max().unwrap_or(0)
    }
}

impl RunningWorker {
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        Ok(tokio::time::timeout(Duration::from_secs(20), self.task).await???)
    }
}
