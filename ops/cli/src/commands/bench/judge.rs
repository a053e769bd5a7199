//! Whether what the sink took kept to a limit.

use domain::limits::{GRANT_GOOD_FOR, LimitSet};
use serde::Serialize;

/// The window in which a limit was pressed hardest.
#[derive(Debug, Clone, Serialize)]
pub struct Pressed {
    pub scope: &'static str,
    pub key: String,
    /// As written.
    pub rule: String,
    /// How many the sink took in that window …
    pub allowed: u64,
    /// … and how many it might have: rate × (t + 5 s) + burst.
    pub limit: u64,
    pub window_s: f64,
}

impl Pressed {
    pub fn holds(&self) -> bool {
        self.allowed <= self.limit
    }
}

/// For each limit of a scope the window, of any length, whose count comes nearest to what is promised (or passes it).
/// `times` are milliseconds, in order.
pub fn judge(scope: &'static str, key: &str, limits: &LimitSet, times: &[u64]) -> Vec<Pressed> {
    let good_for = GRANT_GOOD_FOR.as_secs_f64();
    let by_rate = limits.rates().iter().map(|rate| {
        let per_s = f64::from(rate.tokens) / (rate.period.micros() as f64 / 1e6);
        let bound = |window_s: f64| (per_s * (window_s + good_for)).floor() as u64 + u64::from(rate.burst());
        tightest(scope, key, rate.to_string(), times, bound)
    });
    // The runs judged here lie within one day.
    let by_quota =
        limits.quota().map(|quota| tightest(scope, key, format!("{quota}/day"), times, |_| u64::from(quota)));
    by_rate.chain(by_quota).collect()
}

fn tightest(scope: &'static str, key: &str, rule: String, times: &[u64], bound: impl Fn(f64) -> u64) -> Pressed {
    let key = key.to_owned();
    let mut worst = Pressed { scope, key, rule, allowed: 0, limit: bound(0.0), window_s: 0.0 };
    let mut slack = i64::MAX;
    for (from, begin) in times.iter().enumerate() {
        for (to, end) in times.iter().enumerate().skip(from) {
            let (taken, window_s) = ((to - from + 1) as u64, (end - begin) as f64 / 1_000.0);
            let limit = bound(window_s);
            if (limit as i64) - (taken as i64) < slack {
                slack = limit as i64 - taken as i64;
                worst = Pressed { allowed: taken, limit, window_s, ..worst };
            }
        }
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_window_is_found_and_a_breach_shows() {
        let limits = LimitSet::parse(&["2/s,burst=3"]).expect("it reads");
        // 2 × (0 + 5) + 3 = 13 may come at once; 14 may not.
        let at_once = |count: usize| judge("sender", "s", &limits, &vec![500; count])[0].holds();
        assert!(at_once(13) && !at_once(14));
        let steady: Vec<u64> = (0..100).map(|at| at * 500).collect();
        let judged = &judge("sender", "s", &limits, &steady)[0];
        assert!(judged.holds() && judged.limit >= judged.allowed + 10);
    }
}
