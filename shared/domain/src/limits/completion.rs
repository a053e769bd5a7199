use std::time::Duration;

use super::LimitSet;

/// What waits under one set of limits.
#[derive(Debug, Clone, Copy)]
pub struct Backlog<'a> {
    pub rows: u64,
    pub limits: &'a LimitSet,
}

/// How long until all of it has left, if nothing else comes: the slowest of its limits decides. A day's quota lets
/// the rest wait for further days.
pub fn completes_in(backlogs: &[Backlog<'_>], drain_per_s: Option<f64>) -> Duration {
    let by_limits = backlogs.iter().flat_map(|Backlog { rows, limits }| {
        let by_rate = limits.rates().iter().map(move |rate| {
            let beyond = rows.saturating_sub(u64::from(rate.burst()));
            Duration::from_micros(beyond.saturating_mul(rate.interval_us()))
        });
        let by_quota = limits.quota().map(move |quota| {
            Duration::from_secs(86_400)
                .saturating_mul(u32::try_from(rows.saturating_sub(1) / u64::from(quota)).unwrap_or(u32::MAX))
        });
        by_rate.chain(by_quota)
    });
    let rows = backlogs.iter().map(|backlog| backlog.rows).min().unwrap_or(0);
    let by_drain =
        drain_per_s.filter(|rate| *rate > 0.0).map(|rate| Duration::from_secs_f64((rows as f64 / rate).min(1e9)));
    by_limits.chain(by_drain).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(texts: &[&str]) -> LimitSet {
        LimitSet::parse(texts).expect("they read")
    }

    #[test]
    fn the_slowest_limit_decides() {
        let (sender, tenant) = (limits(&["20/min", "1000/h"]), limits(&["5000/h"]));
        let backlogs = [Backlog { rows: 1_001, limits: &sender }, Backlog { rows: 1_001, limits: &tenant }];
        assert_eq!(completes_in(&backlogs, None), Duration::from_secs(3_600));
        let crowded = [Backlog { rows: 10, limits: &sender }, Backlog { rows: 10_006, limits: &tenant }];
        assert_eq!(completes_in(&crowded, None), Duration::from_secs(7_200));
    }

    #[test]
    fn a_days_quota_spreads_the_rest_over_further_days() {
        let quota = limits(&["500/day"]);
        let of = |rows| completes_in(&[Backlog { rows, limits: &quota }], None);
        assert_eq!([of(500), of(501), of(1_501)], [0, 1, 3].map(|days| Duration::from_secs(days * 86_400)));
    }

    #[test]
    fn without_limits_the_measured_drain_tells() {
        let none = LimitSet::default();
        let backlog = [Backlog { rows: 1_000, limits: &none }];
        assert_eq!(completes_in(&backlog, Some(100.0)), Duration::from_secs(10));
        assert_eq!(completes_in(&backlog, None), Duration::ZERO);
    }
}
