use std::time::Duration;

use async_trait::async_trait;
use store::messages::UncertainCause;

use crate::{Parts, Reconciler, Report};

const EVERY: Duration = Duration::from_millis(500);
const ROWS_MAX: i64 = 1_000;

/// Shows as uncertain what nobody is going to answer for. Never queues anything again.
pub struct ExpireCommits {
    parts: Parts,
}

impl ExpireCommits {
    pub fn new(parts: Parts) -> Self {
        Self { parts }
    }
}

#[async_trait]
impl Reconciler for ExpireCommits {
    fn name(&self) -> &'static str {
        "expire_commits"
    }

    fn every(&self) -> Duration {
        EVERY
    }

    async fn run_once(&self) -> anyhow::Result<Report> {
        let Some(term) = self.parts.leadership.term() else { return Ok(Report::default()) };
        if !self.parts.may_find(|signs| signs.committed) {
            return Ok(Report::default());
        }
        let shown = self.parts.store.messages().expire_commits(term, ROWS_MAX).await?;
        let lost = shown.iter().filter(|(_, cause)| *cause == UncertainCause::WorkerLost).count() as u64;
        let late = shown.len() as u64 - lost;
        metrics::counter!("postfleet_uncertain_total", "cause" => "worker_lost").increment(lost);
        metrics::counter!("postfleet_uncertain_total", "cause" => "deadline_passed").increment(late);
        let again_in = (shown.len() as i64 == ROWS_MAX).then_some(Duration::ZERO);
        Ok(Report { again_in, ..Report::default().count("worker_lost", lost).count("deadline_passed", late) })
    }
}
