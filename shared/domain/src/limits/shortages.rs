use std::collections::HashMap;
use std::time::Duration;

use super::{BucketKey, LimitRefusal, LimitSet, RefusedBy};

/// What the feeder remembers of buckets that refused: how many tokens they can have by now, at most. It only saves
/// asking in vain; who decides is `admit`.
///
/// Times are those of one monotonic clock, since any moment.
#[derive(Debug, Clone, Default)]
pub struct Shortages {
    buckets: HashMap<BucketKey, Shortage>,
}

#[derive(Debug, Clone, Copy)]
struct Shortage {
    since: Duration,
    /// When the next token is there.
    until: Duration,
    /// Between further ones, at the fastest.
    interval: Duration,
    /// As many as a full bucket holds: then nothing is known any more.
    full: u32,
    /// From here on one more is worth asking for: tokens may have been given back.
    believed_until: Duration,
}

/// How long a refusal is believed.
const BELIEVED_FOR: Duration = Duration::from_secs(5);

impl Shortages {
    /// A bucket refused. `limits` are what holds for it.
    pub fn refused(&mut self, now: Duration, refusal: &LimitRefusal, limits: &LimitSet) {
        let fastest = limits.rates().iter().min_by_key(|rate| rate.interval_us());
        let (interval, full) = match (refusal.why, fastest) {
            (RefusedBy::Rate, Some(rate)) => (Duration::from_micros(rate.interval_us()), rate.burst()),
            // Then it may be full at once.
            _ => (Duration::ZERO, 1),
        };
        let since = self.buckets.get(&refusal.bucket).map_or(now, |known| known.since);
        self.buckets.insert(
            refusal.bucket.clone(),
            Shortage { since, until: now + refusal.wait, interval, full, believed_until: now + BELIEVED_FOR },
        );
    }

    /// Tokens were granted. Where a refusal was believed no longer, that ends it.
    pub fn granted(&mut self, now: Duration, bucket: &BucketKey, tokens: u32) {
        if tokens > 0 && self.buckets.get(bucket).is_some_and(|shortage| now >= shortage.believed_until) {
            self.buckets.remove(bucket);
        } else if let Some(shortage) = self.buckets.get_mut(bucket) {
            shortage.until += shortage.interval.saturating_mul(tokens);
        }
    }

    /// How many tokens it may have: never fewer than it has.
    pub fn most(&self, now: Duration, bucket: &BucketKey) -> u32 {
        self.buckets.get(bucket).map_or(u32::MAX, |shortage| shortage.most(now))
    }

    /// When a bucket has a token again, if it has none now.
    pub fn until(&self, now: Duration, bucket: &BucketKey) -> Option<Duration> {
        let ends = |shortage: &Shortage| shortage.until.min(shortage.believed_until);
        self.buckets.get(bucket).map(ends).filter(|until| *until > now)
    }

    /// Forgets those of which nothing is known any more.
    pub fn forget_full(&mut self, now: Duration) {
        self.buckets.retain(|_, shortage| shortage.most(now) < u32::MAX);
    }

    /// Limits were changed.
    pub fn clear(&mut self) {
        self.buckets.clear();
    }

    /// Whether a bucket is short now.
    pub fn is_short(&self, now: Duration, bucket: &BucketKey) -> bool {
        self.most(now, bucket) < u32::MAX
    }

    /// The buckets that give nothing now, and for how long they have been short.
    pub fn parked(&self, now: Duration) -> impl Iterator<Item = (&BucketKey, Duration)> {
        self.buckets
            .iter()
            .filter(move |(_, shortage)| shortage.until > now)
            .map(move |(bucket, shortage)| (bucket, now.saturating_sub(shortage.since)))
    }
}

impl Shortage {
    fn most(self, now: Duration) -> u32 {
        let Some(waited) = now.checked_sub(self.until) else { return u32::from(now >= self.believed_until) };
        let further = match self.interval.as_nanos() {
            0 => u128::MAX,
            interval => waited.as_nanos() / interval,
        };
        match u32::try_from(further.saturating_add(1)) {
            Ok(tokens) if tokens < self.full => tokens,
            _ => u32::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Gcra;
    use proptest::prelude::*;

    proptest! {
        /// Work-conserving: what is remembered never holds back a token that is there.
        #[test]
        fn a_shortage_never_hides_a_token(
            limit in prop_oneof![Just("20/min"), Just("100/s"), Just("7/s,burst=3"), Just("1000/h"), Just("3/s,burst=1")],
            steps in prop::collection::vec((0u64..3_000_000, 1u32..40), 1..60),
        ) {
            let limits = LimitSet::parse(&[limit]).expect("it reads");
            let bucket: Gcra = limits.rates()[0].gcra();
            let (mut now, mut tat, mut shortages) = (Duration::from_secs(1_000), 0i64, Shortages::default());
            for (pass, asked) in steps {
                now += Duration::from_micros(pass);
                let micros = now.as_micros() as i64;
                let there = bucket.available(tat, micros);
                let most = shortages.most(now, &BucketKey::Global);
                prop_assert!(i64::from(most) >= there, "{most} of {there}");
                let granted = there.min(i64::from(asked.min(most)));
                tat = bucket.take(tat, micros, granted);
                shortages.granted(now, &BucketKey::Global, granted as u32);
                if granted < i64::from(asked) && most > granted as u32 {
                    let refusal =
                        LimitRefusal { bucket: BucketKey::Global, why: RefusedBy::Rate, wait: bucket.wait(tat, micros) };
                    shortages.refused(now, &refusal, &limits);
                }
                shortages.forget_full(now);
            }
        }
    }

    #[test]
    fn a_bucket_that_refused_is_left_alone_until_it_has_a_token() {
        let limits = LimitSet::parse(&["2/s,burst=3"]).expect("it reads");
        let (now, wait) = (Duration::from_secs(10), Duration::from_millis(400));
        let mut shortages = Shortages::default();
        shortages.refused(now, &LimitRefusal { bucket: BucketKey::Global, why: RefusedBy::Rate, wait }, &limits);
        let most = |at_ms: u64| shortages.most(now + Duration::from_millis(at_ms), &BucketKey::Global);
        assert_eq!([most(0), most(399), most(400), most(900)], [0, 0, 1, 2]);
        assert_eq!(most(1_400), u32::MAX, "it may be full: ask");
    }
}
