use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lru::LruCache;
use queue::LaneName;
use tokio::time::Instant;

/// A lane that was just refused room is not asked for again so soon: the feeder has it, and looks as often.
const FIRST: Duration = Duration::from_millis(20);
/// Nor as often the longer it stays full: a request must not pay for what it will not get.
const MOST: Duration = Duration::from_millis(320);
const LANES_MAX: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

/// Lanes that have no room.
pub struct RefusedLanes(Mutex<LruCache<LaneName, Refusal>>);

#[derive(Clone, Copy)]
struct Refusal {
    until: Instant,
    pause: Duration,
}

impl Default for RefusedLanes {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(LANES_MAX)))
    }
}

impl RefusedLanes {
    pub fn contains(&self, lane: &LaneName, now: Instant) -> bool {
        self.kept().peek(lane).is_some_and(|refusal| now < refusal.until)
    }

    /// Twice as long as before, where it is refused again as soon as it is asked for.
    pub fn add(&self, lane: LaneName, now: Instant) {
        let mut kept = self.kept();
        // Of many who asked at the same moment, one is told.
        if kept.peek(&lane).is_some_and(|before| now < before.until) {
            return;
        }
        let again = kept.peek(&lane).filter(|before| now < before.until + before.pause);
        let pause = again.map_or(FIRST, |before| (2 * before.pause).min(MOST));
        kept.put(lane, Refusal { until: now + pause, pause });
    }

    pub fn remove(&self, lane: &LaneName) {
        self.kept().pop(lane);
    }

    fn kept(&self) -> MutexGuard<'_, LruCache<LaneName, Refusal>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::{SenderId, TenantId};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_lane_that_stays_full_is_asked_for_less_and_less_and_one_that_had_room_at_once() {
        let lane = || LaneName { tenant: TenantId(Uuid::from_u128(1)), sender: SenderId(Uuid::from_u128(2)) };
        let (lanes, mut now) = (RefusedLanes::default(), Instant::now());
        let mut pauses = Vec::new();
        for _ in 0..7 {
            lanes.add(lane(), now);
            let since = now;
            while lanes.contains(&lane(), now) {
                now += Duration::from_millis(1);
            }
            pauses.push((now - since).as_millis());
        }
        assert_eq!(pauses, [20, 40, 80, 160, 320, 320, 320]);

        lanes.remove(&lane());
        assert!(!lanes.contains(&lane(), now));
        lanes.add(lane(), now);
        assert!(!lanes.contains(&lane(), now + FIRST), "it begins anew");
        for _ in 0..3 {
            lanes.add(lane(), now);
        }
        assert!(!lanes.contains(&lane(), now + FIRST), "those who asked together are one refusal");

        lanes.add(lane(), now + FIRST);
        let later = now + MOST;
        lanes.add(lane(), later);
        assert!(!lanes.contains(&lane(), later + FIRST), "nobody asked for a while");
    }
}
