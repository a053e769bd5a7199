use std::time::Duration;

use async_trait::async_trait;

use super::pools;
use crate::{Parts, Reconciler, Report};

const EVERY: Duration = Duration::from_secs(1);
/// Five heartbeats.
const SILENT_SECS: f64 = 10.0;
const FORGOTTEN_AFTER_DAYS: i32 = 7;
const FORGOTTEN_PER_PASS: i64 = 100;

/// Writes off workers whose heartbeat stopped: their jobs go to others at once, their commits are shown as uncertain.
pub struct WriteOffWorkers {
    parts: Parts,
}

impl WriteOffWorkers {
    pub fn new(parts: Parts) -> Self {
        Self { parts }
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
        if self.parts.leadership.term().is_none() {
            return Ok(Report::default());
        }
        let workers = self.parts.store.workers();
        let lost = workers.write_off_silent(SILENT_SECS).await?;
        for worker in &lost {
            tracing::warn!(%worker, "a worker fell silent and is written off");
            for pool in pools() {
                self.parts.queue.forfeit(&pool, *worker).await?;
            }
        }
        metrics::gauge!("postfleet_workers_alive").set(workers.alive().await? as f64);
        let forgotten = workers.forget_ended(FORGOTTEN_AFTER_DAYS, FORGOTTEN_PER_PASS).await?;
        Ok(Report::default().count("written_off", lost.len() as u64).count("forgotten", forgotten))
    }
}
