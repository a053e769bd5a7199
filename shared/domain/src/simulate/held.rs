use crate::limits::{LIMITS_MAX, Scope};

/// Each limit of each scope, and the sending window.
const SLOTS: usize = 4 * LIMITS_MAX + 1;

/// What something may be held back by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// The limit of a scope, by its place among them.
    Limit(Scope, usize),
    /// The plan's window, quiet hours and holidays.
    Calendar,
}

impl Holder {
    fn slot(self) -> usize {
        match self {
            Self::Limit(scope, limit) => scope as usize * LIMITS_MAX + limit,
            Self::Calendar => SLOTS - 1,
        }
    }
}

/// Microseconds for which each of them held something back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held([i64; SLOTS]);

impl Held {
    pub const NONE: Self = Self([0; SLOTS]);

    pub fn by(&self, holder: Holder) -> i64 {
        self.0[holder.slot()]
    }

    pub fn add(&mut self, holder: Holder, micros: i64) {
        self.0[holder.slot()] += micros;
    }

    pub fn all(&self) -> i64 {
        self.0.iter().sum()
    }

    pub fn plus(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(own, other)| *own += other);
        self
    }

    pub fn minus(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(own, other)| *own -= other);
        self
    }
}

/// Counts what holds back all that wait in one queue, so that what held one of them is the difference between two
/// readings, and nobody is looked at while it waits.
#[derive(Debug, Clone)]
pub struct Clock {
    past: Held,
    counts: Counts,
}

#[derive(Debug, Clone, Copy)]
enum Counts {
    Nothing,
    For(Holder, i64),
    /// What the clock counts that stands before this one, from that reading of it on.
    Along(Held),
}

impl Clock {
    pub fn new() -> Self {
        Self { past: Held::NONE, counts: Counts::Nothing }
    }

    /// `before` is a reading of the clock that stands before this one.
    pub fn read(&self, now: i64, before: &Held) -> Held {
        match self.counts {
            Counts::Nothing => self.past,
            Counts::For(holder, since) => {
                let mut held = self.past;
                held.add(holder, now - since);
                held
            }
            Counts::Along(from) => self.past.plus(before).minus(&from),
        }
    }

    pub fn count_for(&mut self, holder: Holder, now: i64, before: &Held) {
        *self = Self { past: self.read(now, before), counts: Counts::For(holder, now) };
    }

    pub fn count_along(&mut self, now: i64, before: &Held) {
        *self = Self { past: self.read(now, before), counts: Counts::Along(*before) };
    }

    pub fn stop(&mut self, now: i64, before: &Held) {
        *self = Self { past: self.read(now, before), counts: Counts::Nothing };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_counts_for_one_holder_after_another_or_along_with_another_clock() {
        let (sender, global) = (Holder::Limit(Scope::Sender, 0), Holder::Limit(Scope::Global, 1));
        let (mut first, mut second) = (Clock::new(), Clock::new());
        first.count_for(global, 10, &Held::NONE);
        second.count_for(sender, 10, &Held::NONE);
        second.count_along(15, &first.read(15, &Held::NONE));
        first.stop(30, &Held::NONE);
        second.count_for(Holder::Calendar, 40, &first.read(40, &Held::NONE));
        let held = second.read(42, &Held::NONE);
        assert_eq!([held.by(sender), held.by(global), held.by(Holder::Calendar)], [5, 15, 2]);
    }

    #[test]
    fn no_two_holders_share_a_place() {
        let limits = Scope::ALL.into_iter().flat_map(|scope| (0..LIMITS_MAX).map(move |at| Holder::Limit(scope, at)));
        let mut slots: Vec<usize> = limits.chain([Holder::Calendar]).map(Holder::slot).collect();
        slots.sort_unstable();
        assert!(slots.into_iter().eq(0..SLOTS));
    }
}
