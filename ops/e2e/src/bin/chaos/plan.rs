//! What is done, to whom, and for how long: decided by the seed alone.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use crate::kind::Kind;

/// One fault as the seed has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    pub kind: Kind,
    /// After the round has begun.
    pub after: Duration,
    /// How long it lasts, or how long a killed process stays away.
    pub lasts: Duration,
    /// Which of several victims, wires, replies.
    pub pick: u32,
}

/// Faults that overlap. The next round begins when the fleet is over this one.
#[derive(Debug, Clone, PartialEq)]
pub struct Round {
    pub faults: Vec<Planned>,
    pub pause: Duration,
}

/// Rounds without end; every kind comes once before any comes again.
pub struct Plan {
    rng: StdRng,
    deck: Vec<Kind>,
}

impl Plan {
    pub fn new(seed: u64) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), deck: Vec::new() }
    }

    /// One, two or three faults, each to something else: what is broken already shows nothing by being broken again.
    fn draw(&mut self) -> Vec<Kind> {
        let wanted = [1, 1, 1, 2, 2, 3][self.rng.random_range(0..6)];
        let mut drawn: Vec<Kind> = Vec::new();
        while drawn.len() < wanted {
            let other = |kind: &Kind| drawn.iter().all(|had| had.victim() != kind.victim());
            match self.deck.iter().rposition(other) {
                Some(at) => drawn.push(self.deck.remove(at)),
                None if self.deck.is_empty() => {
                    self.deck = Kind::ALL.to_vec();
                    self.deck.shuffle(&mut self.rng);
                }
                None => break,
            }
        }
        drawn
    }
}

impl Iterator for Plan {
    type Item = Round;

    fn next(&mut self) -> Option<Round> {
        let kinds = self.draw();
        let alone = kinds.len() == 1;
        let faults = kinds
            .into_iter()
            .map(|kind| Planned {
                kind,
                after: Duration::from_millis(if alone { 0 } else { self.rng.random_range(0..2_000) }),
                lasts: Duration::from_millis(self.rng.random_range(kind.lasts_ms())),
                pick: self.rng.random(),
            })
            .collect();
        Some(Round { faults, pause: Duration::from_millis(self.rng.random_range(200..1_500)) })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_seed_always_decides_the_same_and_another_one_otherwise() {
        let rounds = |seed| Plan::new(seed).take(50).collect::<Vec<_>>();
        assert_eq!(rounds(7), rounds(7));
        assert_ne!(rounds(7), rounds(8));
    }

    #[test]
    fn every_kind_comes_once_before_any_comes_again_and_a_round_breaks_nothing_twice() {
        for seed in 0..100 {
            let mut seen = Vec::new();
            for round in Plan::new(seed).take(40) {
                let victims: HashSet<_> = round.faults.iter().map(|fault| fault.kind.victim()).collect();
                assert_eq!(victims.len(), round.faults.len());
                seen.extend(round.faults.iter().map(|fault| fault.kind));
            }
            let first: HashSet<_> = seen[..Kind::ALL.len()].iter().collect();
            assert_eq!(first.len(), Kind::ALL.len(), "seed {seed}");
        }
    }
}
