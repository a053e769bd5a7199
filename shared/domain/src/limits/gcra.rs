use std::time::Duration;

/// A token bucket as one number: the theoretical arrival time (TAT), at which everything taken so far has drained.
///
/// All times are microseconds of one clock. `shared/link/src/lua/buckets.lua` does the same arithmetic; a test holds
/// the two together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gcra {
    /// Between two tokens.
    pub interval: i64,
    /// Tokens that a full bucket gives at once.
    pub burst: i64,
}

impl Gcra {
    fn tolerance(self) -> i64 {
        self.interval * self.burst
    }

    /// The TAT that counts: a bucket was empty when its generation began, and a lowered limit forgives what an older
    /// one had lent.
    pub fn standing(self, stored: Option<i64>, generation_since: i64, now: i64) -> i64 {
        stored.unwrap_or(0).max(generation_since + self.tolerance()).min(now + self.tolerance())
    }

    pub fn available(self, tat: i64, now: i64) -> i64 {
        ((now + self.tolerance() - tat.max(now)) / self.interval).max(0)
    }

    /// The TAT after `tokens` were taken.
    pub fn take(self, tat: i64, now: i64, tokens: i64) -> i64 {
        tat.max(now) + tokens * self.interval
    }

    /// How long until one more token.
    pub fn wait(self, tat: i64, now: i64) -> Duration {
        Duration::from_micros((tat.max(now) + self.interval - self.tolerance() - now).max(0) as u64)
    }

    /// What returning `tokens` takes off the TAT, where `first` was the TAT after the first of them was taken, less what
    /// was returned since: of each only what has not drained yet, so that nothing can be returned that time, or another
    /// return, has given back already.
    pub fn credit(self, first: i64, tokens: i64, now: i64) -> i64 {
        (0..tokens).map(|at| (first + at * self.interval - now).clamp(0, self.interval)).sum()
    }
}

#[cfg(test)]
#[path = "gcra_tests.rs"]
mod tests;
