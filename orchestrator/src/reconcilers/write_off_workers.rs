use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::all_pools;
use crate::{Parts, Reconciler, Report};

const EVERY: Duration = Duration::from_secs(1);
/// Five heartbeats.
pub(super) const SILENT_SECS: f64 = 10.0;
/// Between passes: a longer one means that Postgres was away, and nobody's heartbeat came through.
const GAP: Duration = Duration::from_secs(4);

/// Writes off workers whose heartbeat stopped: their jobs go to others at once, their commits are shown as uncertain.
pub struct WriteOffWorkers {
    parts: Parts,
    hearing: Mutex<Hearing>,
}

/// Since when passes follow each other: silence says something only if a heartbeat could have been heard.
#[derive(Default)]
struct Hearing {
    since: Option<Instant>,
    last_pass: Option<Instant>,
}

impl Hearing {
    /// Notes a pass; answers for how long heartbeats could have been heard.
    fn listen(&mut self) -> Duration {
        let now = Instant::now();
        if self.last_pass.is_none_or(|last| now - last > GAP) {
            self.since = Some(now);
        }
        self.last_pass = Some(now);
        self.since.map_or(Duration::ZERO, |since| now - since)
    }
}

impl WriteOffWorkers {
    pub fn new(parts: Parts) -> Self {
        Self { parts, hearing: Mutex::default() }
    }
}

#[async_trait]
impl Reconciler for WriteOffWorkers {
    fn name(&self) -> &'static str {
        "write_off_workers"
    }

    fn every(&self) -> Duration {
        EVERY
    }

    async fn run_once(&self) -> anyhow::Result<Report> {
        let Some(term) = self.parts.leadership.term() else { return Ok(Report::default()) };
        let workers = self.parts.store.workers();
        let alive = match self.parts.signs() {
            Some(signs) => signs.workers_alive,
            None => workers.alive().await?,
        };
        metrics::gauge!("postfleet_workers_alive").set(alive as f64);
        let heard_for = self.hearing.lock().unwrap_or_else(PoisonError::into_inner).listen();
        if heard_for.as_secs_f64() < SILENT_SECS || !self.parts.may_find(|signs| signs.worker_silent) {
            return Ok(Report::default());
        }
        let lost = workers.write_off_silent(term, SILENT_SECS).await?;
        for worker in &lost {
            tracing::warn!(%worker, "a worker fell silent and is written off");
            for (queue, pool) in all_pools(&self.parts.queue) {
                queue.forfeit(&pool, *worker).await?;
            }
            self.parts.limits.forfeit_connections(*worker).await?;
        }
        Ok(Report::default().count("written_off", lost.len() as u64))
    }
}
