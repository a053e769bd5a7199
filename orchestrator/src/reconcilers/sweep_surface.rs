use std::time::Duration;

use async_trait::async_trait;

use crate::{Parts, Reconciler, Report};

const EVERY: Duration = Duration::from_secs(60);
const ROWS_MAX: i64 = 5_000;
/// For whoever pushed them to look at.
const REFUSALS_KEPT_DAYS: i32 = 30;
const WORKERS_KEPT_DAYS: i32 = 7;

/// Forgets answers to repeatable requests after their time, refused tasks of the ingress queue, and workers that ended
/// long ago.
pub struct SweepSurface {
    parts: Parts,
}

impl SweepSurface {
    pub fn new(parts: Parts) -> Self {
        Self { parts }
    }
}

#[async_trait]
impl Reconciler for SweepSurface {
    fn name(&self) -> &'static str {
        "sweep_surface"
    }

    fn every(&self) -> Duration {
        EVERY
    }

    async fn run_once(&self) -> anyhow::Result<Report> {
        if self.parts.leadership.term().is_none() {
            return Ok(Report::default());
        }
        let answers = self.parts.store.idempotency().sweep(ROWS_MAX).await?;
        let refusals = self.parts.store.ingress().sweep(REFUSALS_KEPT_DAYS, ROWS_MAX).await?;
        let workers = self.parts.store.workers().forget_ended(WORKERS_KEPT_DAYS, ROWS_MAX).await?;
        let again_in = (answers.max(refusals).max(workers) == ROWS_MAX as u64).then_some(Duration::ZERO);
        let report = Report::default().count("answers", answers).count("ingress_refusals", refusals);
        Ok(Report { again_in, ..report.count("workers", workers) })
    }
}
