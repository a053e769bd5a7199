use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

const FIRST: Duration = Duration::from_millis(50);
const CEILING: Duration = Duration::from_secs(1);

/// Waits between tries at a Redis that is away: short enough to be back at once, jittered so that a fleet is not.
pub(crate) struct Waits {
    series: ExponentialBackoff,
}

impl Waits {
    pub(crate) fn new() -> Self {
        let series =
            ExponentialBuilder::new().with_min_delay(FIRST).with_max_delay(CEILING).with_jitter().without_max_times();
        Self { series: series.build() }
    }

    pub(crate) fn next(&mut self) -> Duration {
        self.series.next().unwrap_or(CEILING)
    }
}
