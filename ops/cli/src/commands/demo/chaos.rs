use std::ops::Range;
use std::time::{Duration, Instant};

use domain::jobs::PoolName;
use domain::window::WINDOW_ROWS_MIN;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use queue::{Keys, QueueLink};
use rand::Rng;
use rand::rngs::StdRng;
use redis::AsyncCommands;
use sqlx::{Connection, PgConnection};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::load;
use super::tail;
use super::watch::Watch;
use crate::stack::Stack;

/// What was done to the fleet, and how long it took to get over it.
#[derive(Debug, Default)]
pub struct Events {
    /// Per kill: rows past the point of no return in the victim's hands, and seconds until its last row was resolved.
    pub kills: Vec<(i64, f64)>,
    /// Rows queued when Redis was emptied, and seconds until the rate was back at 80 %.
    pub flush: Option<(i64, f64)>,
}

/// Rows in the victim's hands that make a kill worth watching, and rows queued that make an emptied Redis so.
pub const COMMITTING_MIN: i64 = 20;
pub const QUEUED_MIN: i64 = 200;
/// How long a good moment, or a recovery, is waited for.
const WITHIN: Duration = Duration::from_secs(20);
const BACK_AT: f64 = 0.8;
pub const KILLS: u32 = 3;
/// So many looks on end that find the same.
const LOOKS_ALIKE: u32 = 5;
/// Two beats: after that the measure of an idle fleet falls again.
const MEASURED_WITHIN: Duration = Duration::from_secs(2);

/// Kills workers and empties Redis while the load runs; a seed decides when and whom.
///
/// The load comes in waves, one per disaster, so that every disaster meets a busy fleet however fast that is.
pub struct Chaos<'a> {
    stack: &'a Stack,
    messages: u32,
    workers: u32,
    rng: StdRng,
}

impl<'a> Chaos<'a> {
    pub fn new(stack: &'a Stack, messages: u32, workers: u32, rng: StdRng) -> Self {
        Self { stack, messages, workers, rng }
    }

    pub async fn run(&mut self, watch: &mut Watch) -> anyhow::Result<Events> {
        let mut events = Events::default();
        let (warm, first) = (self.messages * 9 / 25, self.messages * 18 / 25);
        self.wave(0..warm).await??;
        watch.until_taken(u64::from(warm)).await?;
        self.until_measured(watch).await?;

        let enqueueing = self.wave(warm..first);
        let moment = warm + (f64::from(first - warm) * self.rng.random_range(0.1..0.2)) as u32;
        watch.until_taken(u64::from(moment)).await?;
        events.flush = Some(self.empty_redis(watch, u64::from(first)).await?);
        enqueueing.await??;

        let mut connection = PgConnection::connect(&self.stack.stores.database_url).await?;
        let rest = self.messages - first;
        for kill in 0..KILLS {
            self.until_all_work(watch, &mut connection).await?;
            let wave = self.wave(first + rest * kill / KILLS..first + rest * (kill + 1) / KILLS);
            let before = watch.look().await?;
            let soon = u64::from((rest / KILLS / 4).clamp(1, 150));
            watch.until_taken(before + self.rng.random_range(1..=soon)).await?;
            events.kills.push(self.kill_worker(watch, &mut connection).await?);
            wave.await??;
        }
        Ok(events)
    }

    fn wave(&self, numbers: Range<u32>) -> JoinHandle<anyhow::Result<()>> {
        tokio::spawn(load::enqueue(self.stack.api_url(), self.stack.senders.clone(), numbers))
    }

    /// Waits until the fleet has measured how fast it is, and holds accordingly much in Redis.
    async fn until_measured(&self, watch: &mut Watch) -> anyhow::Result<()> {
        let (mut redis, caps) = (self.stack.stores.redis().await?, Keys::with_tag(&self.stack.stores.redis_tag).caps());
        let since = Instant::now();
        while redis.hget::<_, _, Option<u32>>(&caps, "window").await? <= Some(WINDOW_ROWS_MIN)
            && since.elapsed() < MEASURED_WITHIN
        {
            watch.look().await?;
        }
        Ok(())
    }

    /// Waits until every worker that should run does.
    async fn until_all_work(&self, watch: &mut Watch, connection: &mut PgConnection) -> anyhow::Result<()> {
        let alive = "SELECT count(*) FROM workers WHERE ended_at IS NULL";
        while sqlx::query_scalar::<_, i64>(alive).fetch_one(&mut *connection).await? < i64::from(self.workers) {
            watch.look().await?;
        }
        Ok(())
    }

    async fn empty_redis(&self, watch: &mut Watch, until_taken: u64) -> anyhow::Result<(i64, f64)> {
        let waited = Instant::now();
        let queued = loop {
            let taken = watch.look().await?;
            let queued = watch.counts().await?.queued;
            // A small load may be through before there is such a moment.
            if queued >= QUEUED_MIN || taken >= until_taken || waited.elapsed() > WITHIN {
                break queued;
            }
        };
        let generation = self.stack.stores.store.fleet().state().await?.generation;
        let rate_before = watch.tail.per_second();
        self.stack.stores.empty_redis().await?;
        let since = Instant::now();
        eprintln!("\nemptied Redis with {queued} rows queued, at {rate_before:.0} a second");
        // Until the loss was noticed, the fleet lives on what it has in hand: that is no recovery.
        while self.stack.stores.store.fleet().state().await?.generation == generation && since.elapsed() < WITHIN {
            watch.look().await?;
        }
        let noticed = since.elapsed();
        // The rate looks back over a moment, which must lie wholly after that.
        let too_early = || since.elapsed() < noticed + tail::WINDOW;
        while (too_early() || watch.tail.per_second() < rate_before * BACK_AT) && since.elapsed() < WITHIN {
            watch.look().await?;
            if watch.counts().await?.unsettled == 0 {
                break;
            }
        }
        let (noticed, back) = (noticed.as_secs_f64(), since.elapsed().as_secs_f64());
        eprintln!("\nnoticed after {noticed:.2} s, back at {:.0} a second after {back:.2} s", watch.tail.per_second());
        Ok((queued, back))
    }

    /// Freezes all workers, so that none drains the wave meanwhile; kills one that has enough rows past the point of no
    /// return in its hands, and lets the others go on.
    async fn kill_worker(&mut self, watch: &mut Watch, connection: &mut PgConnection) -> anyhow::Result<(i64, f64)> {
        let waited = Instant::now();
        loop {
            let workers: Vec<(Uuid, i32)> =
                sqlx::query_as("SELECT id, pid FROM workers WHERE ended_at IS NULL ORDER BY id")
                    .fetch_all(&mut *connection)
                    .await?;
            anyhow::ensure!(!workers.is_empty(), "no worker is left to kill");
            let mut frozen = Frozen::default();
            for (worker, pid) in workers {
                frozen.stop(worker, Pid::from_raw(pid));
            }
            for held in &mut frozen.0 {
                held.committing = frozen_commits(connection, held.worker).await?;
            }
            let busy: Vec<usize> =
                (0..frozen.0.len()).filter(|at| frozen.0[*at].committing >= COMMITTING_MIN).collect();
            // A small load may be through before there is such a moment.
            let over = waited.elapsed() > Duration::from_secs(1) && watch.counts().await?.unsettled == 0;
            let victims = if busy.is_empty() && (over || waited.elapsed() > WITHIN) {
                (0..frozen.0.len()).collect()
            } else {
                busy
            };
            if !victims.is_empty() {
                let place = victims[self.rng.random_range(0..victims.len())];
                let held = self.held_jobs(frozen.0[place].worker).await?;
                let (victim, since) = (frozen.0.swap_remove(place), Instant::now());
                kill(victim.process, Signal::SIGKILL)?;
                drop(frozen);
                let StoppedWorker { worker, process, committing } = victim;
                eprintln!(
                    "\nkilled worker {process} with {committing} rows committing and {} jobs in hand",
                    held.len()
                );
                return Ok((committing, until_resolved(watch, connection, worker, &held, since).await?));
            }
            drop(frozen);
            anyhow::ensure!(waited.elapsed() <= 2 * WITHIN, "no worker can be stopped");
            watch.look().await?;
        }
    }

    /// Jobs that stand in a worker's name.
    async fn held_jobs(&self, worker: Uuid) -> anyhow::Result<Vec<Uuid>> {
        let stores = &self.stack.stores;
        let link = QueueLink::connect(&stores.services.redis_url, Keys::with_tag(&stores.redis_tag))?;
        let held = link.held(&PoolName::send_shared()).await?;
        Ok(held.into_iter().filter(|(_, holder)| holder.uuid() == worker).map(|(job, _)| job.uuid()).collect())
    }
}

/// Workers that stand still until this is dropped.
#[derive(Default)]
struct Frozen(Vec<StoppedWorker>);

struct StoppedWorker {
    worker: Uuid,
    process: Pid,
    committing: i64,
}

impl Frozen {
    /// One that is gone already is none.
    fn stop(&mut self, worker: Uuid, process: Pid) {
        if kill(process, Signal::SIGSTOP).is_ok() {
            self.0.push(StoppedWorker { worker, process, committing: 0 });
        }
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for held in &self.0 {
            // Whoever has ended needs no waking.
            let _ = kill(held.process, Signal::SIGCONT);
        }
    }
}

/// Rows committing in a frozen worker's name, once what it had sent to Postgres has been worked off. A statement may
/// stand in a socket that its backend has not read yet: only a count that stays is believed.
async fn frozen_commits(connection: &mut PgConnection, worker: Uuid) -> anyhow::Result<i64> {
    let name = format!("postfleet {}", domain::ids::WorkerId(worker));
    let (mut before, mut alike) = (-1, 0);
    loop {
        // Postgres cuts the name it shows.
        let (active, committing): (i64, i64) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM pg_stat_activity WHERE application_name = left($1, 63) AND state = 'active'),
                    (SELECT count(*) FROM message_runs WHERE state = 'committing' AND worker_id = $2)",
        )
        .bind(&name)
        .bind(worker)
        .fetch_one(&mut *connection)
        .await?;
        alike = if active == 0 && committing == before { alike + 1 } else { 0 };
        if alike == LOOKS_ALIKE {
            return Ok(committing);
        }
        before = committing;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Seconds until none of a dead worker's rows waits for it: neither committing in its name nor queued in its jobs.
async fn until_resolved(
    watch: &mut Watch,
    connection: &mut PgConnection,
    worker: Uuid,
    held: &[Uuid],
    since: Instant,
) -> anyhow::Result<f64> {
    loop {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM message_runs WHERE state = 'committing' AND worker_id = $1)
                  + (SELECT count(*) FROM message_runs WHERE state = 'queued' AND job_id = ANY($2))",
        )
        .bind(worker)
        .bind(held)
        .fetch_one(&mut *connection)
        .await?;
        if waiting == 0 || since.elapsed() > WITHIN {
            eprintln!("its last row was resolved after {:.2} s", since.elapsed().as_secs_f64());
            return Ok(since.elapsed().as_secs_f64());
        }
        watch.look().await?;
    }
}
