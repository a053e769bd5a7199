use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use runtime::Shutdown;
use tokio::time::Instant;

/// Looks at what is, compares it with what should be, and acts on the difference.
///
/// Takes no input, is idempotent, is bounded, and never retries: the next pass does.
#[async_trait]
pub trait Reconciler: Send + Sync {
    fn name(&self) -> &'static str;

    /// The longest between two passes.
    fn every(&self) -> Duration;

    /// How long behind a multiple of `every` its passes begin. The beat comes first: what it sees tells the others whether
    /// a look is worth it.
    fn phase(&self) -> Duration {
        AFTER_THE_BEAT
    }

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

const AFTER_THE_BEAT: Duration = Duration::from_millis(50);

/// Half the wait after a first failure; it doubles with every further one, up to sixteen times. What failed because
/// Redis was lost is needed again as soon as it is back.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// Runs passes until shutdown. A pass that fails is told once an outage and tried again with the next. `began` is the
/// same for all reconcilers of a process.
pub(crate) async fn keep_reconciling(reconciler: Arc<dyn Reconciler>, began: Instant, shutdown: Shutdown) {
    let (name, first) = (reconciler.name(), began + reconciler.phase());
    let mut failures = 0u32;
    while !shutdown.is_begun() {
        let next = match reconciler.run_once().await {
            Ok(report) => {
                if failures > 0 {
                    tracing::info!(reconciler = name, "works again");
                }
                failures = 0;
                tell(name, &report);
                let now = Instant::now();
                report.again_in.map_or_else(|| regular_pass(first, now, reconciler.every()), |wait| now + wait)
            }
            Err(error) => {
                metrics::counter!("postfleet_reconciler_failures_total", "reconciler" => name).increment(1);
                if failures == 0 {
                    tracing::warn!(reconciler = name, error = format!("{error:#}"), "a pass failed; it is tried again");
                }
                failures += 1;
                Instant::now() + reconciler.every().min(AFTER_FAILURE.saturating_mul(1 << failures.min(4)))
            }
        };
        tokio::select! {
            () = shutdown.begun() => {}
            () = tokio::time::sleep_until(next) => {}
            () = reconciler.rung() => {}
        }
    }
}

/// Never later than `every` from now. Passes as far apart begin together: a fleet at rest is woken once for all of them.
fn regular_pass(first: Instant, now: Instant, every: Duration) -> Instant {
    let latest = now + every;
    let beyond = latest.saturating_duration_since(first).as_nanos() % every.as_nanos();
    latest - Duration::from_nanos(beyond as u64)
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

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn passes_as_far_apart_begin_together_and_never_later_than_asked() {
        let first = Instant::now();
        let next = |at: u32, every: u32| regular_pass(first, first + MS * at, MS * every) - first;
        for (now, every, pass) in [(3, 1_000, 1_000), (1_007, 1_000, 2_000), (1_999, 1_000, 2_000), (1_007, 500, 1_500)]
        {
            assert_eq!(next(now, every), MS * pass, "each {every} ms, {now} after the first");
        }
        assert_eq!(regular_pass(first + MS * 50, first, MS * 1_000), first + MS * 50, "each in its phase");
    }
}
