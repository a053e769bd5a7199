use std::time::Duration;

use async_trait::async_trait;

use super::pools;
use crate::{Parts, Reconciler, Report};

const EVERY: Duration = Duration::from_secs(1);

/// A worker died on a row of a job that was handed out before: that row is charged, in Postgres first; the job's other
/// rows return free. Done twice, nothing changes: the row no longer bears the job.
pub struct ChargeCrashes {
    parts: Parts,
}

impl ChargeCrashes {
    pub fn new(parts: Parts) -> Self {
        Self { parts }
    }
}

#[async_trait]
impl Reconciler for ChargeCrashes {
    fn name(&self) -> &'static str {
        "charge_crashes"
    }

    fn every(&self) -> Duration {
        EVERY
    }

    async fn run_once(&self) -> anyhow::Result<Report> {
        let Some(term) = self.parts.leadership.term() else { return Ok(Report::default()) };
        let mut charged = 0;
        for pool in pools() {
            let crashed = self.parts.queue.crashed(&pool).await?;
            for crash in &crashed {
                if self.parts.store.messages().charge_crash(term, crash.job, crash.row).await? {
                    charged += 1;
                    tracing::warn!(message = %crash.row, job = %crash.job, "a worker died while it handled this message");
                }
            }
            // A refusal may also mean that another leads by now: then it is for that one to drop them.
            if !crashed.is_empty() && self.parts.leadership.stand().await? == Some(term) {
                let jobs: Vec<_> = crashed.iter().map(|crash| crash.job).collect();
                self.parts.queue.drop_crashed(&pool, &jobs).await?;
            }
        }
        Ok(Report::default().count("charged", charged))
    }
}
