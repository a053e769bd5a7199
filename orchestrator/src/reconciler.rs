use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use runtime::Shutdown;

/// Looks at what is, compares it with what should be, and acts on the difference.
///
/// Takes no input, is idempotent, is bounded, and never retries: the next pass does.
#[async_trait]
pub trait Reconciler: Send + Sync {
    fn name(&self) -> &'static str;

    /// The longest between two passes.
    fn every(&self) -> Duration;

    async fn run_once(&self) -> anyhow::Result<Report>;

    /// Returns when a pass should come early. By default never.
    async fn rung(&self) {
        std::future::pending().await
    }
}

/// What a pass found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub counts: Vec<(&'static str, u64)>,
    /// There is more to do: come back after this.
    pub again_in: Option<Duration>,
}

impl Report {
    pub fn count(mut self, what: &'static str, how_many: u64) -> Self {
        self.counts.push((what, how_many));
        self
    }

    pub fn get(&self, what: &str) -> u64 {
        self.counts.iter().filter(|(name, _)| *name == what).map(|(_, count)| count).sum()
    }

    fn is_quiet(&self) -> bool {
        self.counts.iter().all(|(_, count)| *count == 0)
    }
}

/// Half the wait after a first failure; it doubles with every further one, up to sixteen times. What failed because
/// Redis was lost is needed again as soon as it is back.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// Runs passes until shutdown. A pass that fails is told once an outage and tried again with the next.
pub(crate) async fn keep_reconciling(reconciler: Arc<dyn Reconciler>, shutdown: Shutdown) {
    let name = reconciler.name();
    let mut failures = 0u32;
    while !shutdown.is_begun() {
        let wait = match reconciler.run_once().await {
            Ok(report) => {
                if failures > 0 {
                    tracing::info!(reconciler = name, "works again");
                }
                failures = 0;
                tell(name, &report);
                report.again_in.unwrap_or_else(|| reconciler.every())
            }
            Err(error) => {
                metrics::counter!("postfleet_reconciler_failures_total", "reconciler" => name).increment(1);
                if failures == 0 {
                    tracing::warn!(reconciler = name, error = format!("{error:#}"), "a pass failed; it is tried again");
                }
                failures += 1;
                reconciler.every().min(AFTER_FAILURE.saturating_mul(1 << failures.min(4)))
            }
        };
        tokio::select! {
            () = shutdown.begun() => {}
            () = rest::rest(wait) => {}
            () = reconciler.rung() => {}
        }
    }
}

fn tell(name: &'static str, report: &Report) {
    metrics::counter!("postfleet_reconciler_passes_total", "reconciler" => name).increment(1);
    for (what, count) in &report.counts {
        metrics::counter!("postfleet_reconciled_total", "reconciler" => name, "what" => *what).increment(*count);
    }
    if !report.is_quiet() {
        tracing::debug!(reconciler = name, report = ?report.counts, "reconciled");
    }
}
