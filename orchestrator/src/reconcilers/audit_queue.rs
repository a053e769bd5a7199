use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::all_pools;
use crate::{Parts, Reconciler, Report};

const EVERY: Duration = Duration::from_secs(2);
/// Looks in a row that must agree before a mismatch is believed.
const LOOKS: u32 = 3;

/// Whether every job with data stands in exactly one place. If not, three times in a row, Redis is treated as lost.
pub struct AuditQueue {
    parts: Parts,
    mismatches: AtomicU32,
}

impl AuditQueue {
    pub fn new(parts: Parts) -> Self {
        Self { parts, mismatches: AtomicU32::new(0) }
    }
}

#[async_trait]
impl Reconciler for AuditQueue {
    fn name(&self) -> &'static str {
        "audit_queue"
    }

    fn every(&self) -> Duration {
        EVERY
    }

    async fn run_once(&self) -> anyhow::Result<Report> {
        let Some(term) = self.parts.leadership.term() else { return Ok(Report::default()) };
        let mut adds_up = true;
        for (queue, pool) in all_pools(&self.parts.queue) {
            let audit = queue.audit(&pool).await?;
            metrics::gauge!("postfleet_queue_jobs", "pool" => pool.to_string()).set(audit.jobs as f64);
            metrics::gauge!("postfleet_window_rows", "pool" => pool.to_string()).set(audit.rows as f64);
            adds_up &= audit.adds_up();
        }
        if adds_up {
            self.mismatches.store(0, Ordering::Relaxed);
            return Ok(Report::default());
        }
        if self.mismatches.fetch_add(1, Ordering::Relaxed) + 1 < LOOKS {
            return Ok(Report::default().count("mismatches", 1));
        }
        self.mismatches.store(0, Ordering::Relaxed);
        let state = self.parts.store.fleet().state().await?;
        let returned = self.parts.store.fleet().begin_generation(term, state.generation, self.parts.ids.next()).await?;
        tracing::error!(rows = returned, "the queue's books do not add up; a new generation begins");
        Ok(Report::default().count("generations_begun", 1))
    }
}
