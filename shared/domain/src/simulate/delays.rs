use super::report::Wait;

/// Each power of two in so many parts: a percentile is off by a sixty-fourth at most.
const PARTS: u64 = 32;
const PLACES: usize = 2_000;

/// How long messages were held, without keeping each.
#[derive(Debug, Clone)]
pub struct Delays {
    counts: Vec<u64>,
    messages: u64,
    total: u128,
    most: u64,
}

impl Delays {
    pub fn new() -> Self {
        Self { counts: vec![0; PLACES], messages: 0, total: 0, most: 0 }
    }

    pub fn add(&mut self, micros: u64) {
        self.counts[place(micros)] += 1;
        self.messages += 1;
        self.total += u128::from(micros);
        self.most = self.most.max(micros);
    }

    pub fn wait(&self) -> Wait {
        Wait {
            messages: self.messages,
            total_seconds: seconds(self.total),
            p50_seconds: seconds(self.percentile(50).into()),
            p95_seconds: seconds(self.percentile(95).into()),
            max_seconds: seconds(self.most.into()),
        }
    }

    fn percentile(&self, percent: u64) -> u64 {
        let rank = (self.messages * percent).div_ceil(100);
        let mut passed = 0;
        let reached = self.counts.iter().position(|count| {
            passed += count;
            passed >= rank.max(1)
        });
        reached.map_or(0, |at| middle(at).min(self.most))
    }
}

pub fn seconds(micros: u128) -> f64 {
    micros as f64 / 1e6
}

fn place(micros: u64) -> usize {
    let shift = u64::from(micros.max(PARTS).ilog2()) - u64::from(PARTS.ilog2());
    (shift * PARTS + (micros >> shift)) as usize
}

fn middle(place: usize) -> u64 {
    let shift = (place as u64 / PARTS).saturating_sub(1);
    let least = (place as u64 - shift * PARTS) << shift;
    least + ((1 << shift) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percentiles_are_near_and_total_and_longest_exact() {
        let mut delays = Delays::new();
        (1..=1_000u64).for_each(|second| delays.add(second * 1_000_000));
        let wait = delays.wait();
        assert_eq!((wait.messages, wait.total_seconds, wait.max_seconds), (1_000, 500_500.0, 1_000.0));
        assert!((wait.p50_seconds - 500.0).abs() < 8.0 && (wait.p95_seconds - 950.0).abs() < 16.0, "{wait:?}");
        assert_eq!(Delays::new().wait().p95_seconds, 0.0);
    }

    proptest! {
        #[test]
        fn every_delay_has_a_place_near_it(micros in prop_oneof![any::<u64>(), 0u64..10_000]) {
            let at = place(micros);
            prop_assert!(at < PLACES);
            let off = middle(at).abs_diff(micros);
            prop_assert!(off <= micros / 64 + 1, "{micros} at {at}: off by {off}");
        }
    }
}
