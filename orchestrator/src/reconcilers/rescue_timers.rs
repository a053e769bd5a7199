use std::time::Duration;

use async_trait::async_trait;
use domain::ids::TimerId;
use domain::jobs::PoolName;
use queue::{QueueLink, QueueName};

use crate::{Parts, Reconciler, Report};

const EVERY: Duration = Duration::from_secs(2);
/// The feeder commits first and pushes then; that long its job may not stand yet.
const GRACE_SECS: f64 = 3.0;
const JOBS_MAX: i64 = 20_000;

/// As `rescue_messages` and `charge_crashes`, for timers: those whose job is gone become due again at no cost, and the one
/// that a worker died on is charged.
pub struct RescueTimers {
    parts: Parts,
    queue: QueueLink,
    pool: PoolName,
}

impl RescueTimers {
    pub fn new(parts: Parts) -> Self {
        Self { queue: parts.queue.of_queue(QueueName::Timeout), pool: PoolName::timeout_shared(), parts }
    }
}

#[async_trait]
impl Reconciler for RescueTimers {
    fn name(&self) -> &'static str {
        "rescue_timers"
    }

    fn every(&self) -> Duration {
        EVERY
    }

    async fn run_once(&self) -> anyhow::Result<Report> {
        let Some(term) = self.parts.leadership.term() else { return Ok(Report::default()) };
        if !self.parts.may_find(|signs| signs.timers_queued) {
            return Ok(Report::default());
        }
        let ledger = self.parts.store.timers().ledger();
        let mut charged = 0;
        let crashed = self.queue.crashed::<TimerId>(&self.pool).await?;
        for crash in &crashed {
            if ledger.charge_crash(term, crash.job, crash.row.uuid()).await? {
                charged += 1;
                tracing::warn!(timer = %crash.row, job = %crash.job, "a worker died while it told this timer");
            }
        }
        // A refusal may also mean that another leads by now: then it is for that one to drop them.
        if !crashed.is_empty() && self.parts.leadership.stand().await? == Some(term) {
            let jobs: Vec<_> = crashed.iter().map(|crash| crash.job).collect();
            self.queue.drop_crashed(&self.pool, &jobs).await?;
        }
        let standing = ledger.queued_jobs_all_tenants(GRACE_SECS, JOBS_MAX).await?;
        let missing = self.queue.gone(&self.pool, &standing).await?;
        let mut rescued = 0;
        if !missing.is_empty() {
            rescued = ledger.rescue_jobs(term, &missing).await?;
            self.queue.ask_for_recount().await?;
            tracing::warn!(rows = rescued, jobs = missing.len(), "timers whose job was gone are due again");
        }
        Ok(Report::default().count("rescued", rescued).count("charged", charged))
    }
}
