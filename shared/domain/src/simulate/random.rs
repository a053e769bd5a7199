/// SplitMix64: numbers that look random and are the same on every machine.
#[derive(Debug, Clone)]
pub struct Random(u64);

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// A stream of its own for whatever `parts` name, so that nobody's draws depend on who drew before.
    pub fn of(seed: u64, parts: [u64; 2]) -> Self {
        Self(parts.iter().fold(mix(seed), |state, part| mix(state ^ part.wrapping_mul(STEP))))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// In `[0, 1)`: never less than a chance of 0, always less than one of 1.
    pub fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, most: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(most)) >> 64) as u64
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at as u64 + 1) as usize);
        }
    }

    /// Mostly short, sometimes long, `mean` on average: an exponential distribution in whole numbers, straight between
    /// its halvings. A logarithm may differ from machine to machine.
    pub fn delay(&mut self, mean: i64) -> i64 {
        let half = (mean * 2 / 3).max(0);
        half * i64::from(self.next().leading_zeros()) + self.below(half as u64) as i64
    }
}

fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_splitmix64() {
        // The reference implementation's first numbers for the seed 1234567.
        let mut random = Random(1_234_567);
        let first = [random.next(), random.next(), random.next()];
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn a_chance_is_met_as_often_as_it_says_and_a_delay_lasts_as_long_on_average() {
        let mut random = Random::of(1, [2, 3]);
        let met = (0..100_000).filter(|_| random.fraction() < 0.3).count();
        assert!((29_500..30_500).contains(&met), "{met}");
        let mean = (0..100_000).map(|_| random.delay(3_600)).sum::<i64>() / 100_000;
        assert!((3_500..3_700).contains(&mean), "{mean}");
        assert_eq!(random.delay(0), 0);
    }

    #[test]
    fn who_asks_first_changes_nothing() {
        let draw = |contact| Random::of(7, [contact, 1]).next();
        let forward: Vec<u64> = (0..50).map(draw).collect();
        let mut backward: Vec<u64> = (0..50).rev().map(draw).collect();
        backward.reverse();
        assert_eq!(forward, backward);
        assert_ne!(forward[0], forward[1]);
    }

    #[test]
    fn shuffling_loses_nothing() {
        let mut items: Vec<u32> = (0..1_000).collect();
        Random::of(1, [0, 0]).shuffle(&mut items);
        assert_ne!(items[..5], [0, 1, 2, 3, 4]);
        items.sort_unstable();
        assert!(items.iter().copied().eq(0..1_000));
    }
}
