use crate::limits::{Gcra, LimitSet};

const DAY_US: i64 = 24 * 3_600 * 1_000_000;

/// One scope's limits as they stand: the arithmetic that Redis does, for one message at a time. It begins full.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// Whom its limits are counted and named for.
    pub class: u32,
    windows: Box<[Window]>,
    quota: Option<Quota>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    gcra: Gcra,
    tat: i64,
}

#[derive(Debug, Clone, Copy)]
struct Quota {
    most: u32,
    day: i64,
    used: u32,
}

/// Which of its limits, in the order of their texts, gives nothing for longest, and for how many microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    pub limit: usize,
    pub wait: i64,
}

impl Bucket {
    pub fn new(class: u32, limits: &LimitSet) -> Self {
        let windows = limits.rates().iter().map(|rate| Window { gcra: rate.gcra(), tat: 0 }).collect();
        Self { class, windows, quota: limits.quota().map(|most| Quota { most, day: 0, used: 0 }) }
    }

    pub fn refusal(&self, now: i64) -> Option<Refusal> {
        self.refusal_after(now, 0)
    }

    /// What it would say if so many more were taken first.
    pub fn refusal_after(&self, now: i64, tokens: i64) -> Option<Refusal> {
        let rates = self.windows.iter().map(|Window { gcra, tat }| {
            let tat = if tokens > 0 { gcra.take(*tat, now, tokens) } else { *tat };
            gcra.wait(tat, now).as_micros() as i64
        });
        let quota = self.quota.map(|quota| {
            let is_used_up = i64::from(quota.used_on(now)) + tokens >= i64::from(quota.most);
            if is_used_up { (day_of(now) + 1) * DAY_US - now } else { 0 }
        });
        let waits = rates.chain(quota).enumerate().filter(|(_, wait)| *wait > 0);
        waits.map(|(limit, wait)| Refusal { limit, wait }).max_by_key(|refusal| refusal.wait)
    }

    pub fn available(&self, now: i64) -> i64 {
        let rates = self.windows.iter().map(|Window { gcra, tat }| gcra.available(*tat, now));
        let quota = self.quota.map(|quota| i64::from(quota.most.saturating_sub(quota.used_on(now))));
        rates.chain(quota).min().unwrap_or(i64::MAX)
    }

    pub fn take(&mut self, now: i64) {
        for Window { gcra, tat } in &mut self.windows {
            *tat = gcra.take(*tat, now, 1);
        }
        if let Some(quota) = &mut self.quota {
            quota.used = quota.used_on(now) + 1;
            quota.day = day_of(now);
        }
    }
}

impl Quota {
    fn used_on(self, now: i64) -> u32 {
        if self.day == day_of(now) { self.used } else { 0 }
    }
}

fn day_of(now: i64) -> i64 {
    now.div_euclid(DAY_US)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = DAY_US / 2;

    fn bucket(texts: &[&str]) -> Bucket {
        Bucket::new(0, &LimitSet::parse(texts).expect("they read"))
    }

    fn take(bucket: &mut Bucket, now: i64, tokens: usize) {
        (0..tokens).for_each(|_| bucket.take(now));
    }

    #[test]
    fn the_limit_that_makes_it_wait_longest_is_named() {
        let mut bucket = bucket(&["2/s,burst=2", "100/h,burst=3", "4/day"]);
        take(&mut bucket, NOON, 2);
        assert_eq!(bucket.refusal(NOON), Some(Refusal { limit: 0, wait: 500_000 }));
        take(&mut bucket, NOON + 500_000, 1);
        assert_eq!(bucket.refusal(NOON + 1_000_000).map(|refusal| refusal.limit), Some(1));
        let later = NOON + 60_000_000;
        take(&mut bucket, later, 1);
        assert_eq!(bucket.refusal(later + 60_000_000).map(|refusal| refusal.limit), Some(2));
        assert_eq!(bucket.refusal(DAY_US), None, "a day later");
    }

    #[test]
    fn what_is_asked_ahead_is_what_is_found_then() {
        let mut taken = bucket(&["2/s,burst=2", "3/day"]);
        for tokens in 0..4 {
            let ahead = bucket(&["2/s,burst=2", "3/day"]).refusal_after(NOON, tokens);
            assert_eq!(ahead, taken.refusal(NOON), "{tokens}");
            assert_eq!(taken.available(NOON) == 0, ahead.is_some());
            taken.take(NOON);
        }
        assert_eq!(bucket(&[]).refusal_after(NOON, 1_000), None);
    }
}
