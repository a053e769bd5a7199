use std::time::Duration;

use async_trait::async_trait;

use super::pools;
use crate::{Parts, Reconciler, Report};

const EVERY: Duration = Duration::from_secs(2);
/// A producer commits first and pushes then; that long its job may not stand yet.
const GRACE_SECS: f64 = 3.0;
/// What may be queued is bounded by the window; so is a pass.
const JOBS_MAX: i64 = 20_000;

/// Queued rows whose job stands in Redis no more become due again, at no cost to them.
///
/// A row whose job still stands is never rescued, however long the queue: overload must not breed work. An error is
/// never taken for absence.
pub struct RescueMessages {
    parts: Parts,
}

impl RescueMessages {
    pub fn new(parts: Parts) -> Self {
        Self { parts }
    }
}

#[async_trait]
impl Reconciler for RescueMessages {
    fn name(&self) -> &'static str {
        "rescue_messages"
    }

    fn every(&self) -> Duration {
        EVERY
    }

    async fn run_once(&self) -> anyhow::Result<Report> {
        let Some(term) = self.parts.leadership.term() else { return Ok(Report::default()) };
        if !self.parts.may_find(|signs| signs.queued) {
            return Ok(Report::default());
        }
        let mut missing = self.parts.store.messages().queued_jobs_all_tenants(GRACE_SECS, JOBS_MAX).await?;
        for pool in pools() {
            missing = self.parts.queue.gone(&pool, &missing).await?;
        }
        if missing.is_empty() {
            return Ok(Report::default());
        }
        let rescued = self.parts.store.messages().rescue_jobs(term, &missing).await?;
        self.parts.queue.ask_for_recount().await?;
        tracing::warn!(rows = rescued, jobs = missing.len(), "rows whose job was gone are due again");
        Ok(Report::default().count("rescued", rescued))
    }
}
