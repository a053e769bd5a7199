//! Rests of what comes again and again.
//!
//! tokio keeps timers in slots of 64 ms and takes a slot apart when its time has come: a timer that ends inside a slot wakes
//! the process twice, one that ends where a slot begins wakes it once, together with all others that end there.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

const SLOT: Duration = Duration::from_millis(64);

static BEGAN: OnceLock<Instant> = OnceLock::new();

/// To be called just before the runtime is built, whose slots are counted from then. Without it rests end where they end.
pub fn begin() {
    BEGAN.get_or_init(Instant::now);
}

/// Sleeps for at least so long, and less than a slot longer; what is shorter than a slot is no rest, and ends where it ends.
pub fn rest(at_least: Duration) -> Sleep {
    let now = Instant::now();
    let Some(began) = BEGAN.get().filter(|_| at_least >= SLOT) else { return tokio::time::sleep(at_least) };
    match rounded(now.duration_since(*began), at_least) {
        Some(end) => tokio::time::sleep_until(*began + end),
        None => tokio::time::sleep(at_least),
    }
}

/// Where the slot begins in which a rest would end that begins at `at`. `None`: that is further off than can be counted.
fn rounded(at: Duration, at_least: Duration) -> Option<Duration> {
    let slots = at.checked_add(at_least)?.as_nanos().div_ceil(SLOT.as_nanos());
    SLOT.checked_mul(u32::try_from(slots).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_ends_where_a_slot_begins_and_is_never_shorter_than_asked() {
        let at = Duration::from_micros;
        assert_eq!(rounded(at(0), at(64_000)), Some(at(64_000)));
        assert_eq!(rounded(at(1), at(64_000)), Some(at(128_000)));
        assert_eq!(rounded(at(100_000), at(500_000)), Some(at(640_000)));
        assert_eq!(rounded(at(639_999), at(1)), Some(at(640_000)));
        assert_eq!(rounded(at(1), Duration::MAX), None);
    }

    #[tokio::test]
    async fn rests_that_begin_apart_end_where_slots_begin() {
        assert_eq!(rounded(Duration::from_millis(10), SLOT), rounded(Duration::from_millis(25), SLOT));
        begin();
        let began = *BEGAN.get().expect("it began");
        let before = Instant::now();
        let end = rest(SLOT * 3 / 2).deadline();
        assert!(end >= before + SLOT * 3 / 2);
        assert_eq!(end.duration_since(began).as_nanos() % SLOT.as_nanos(), 0);
        assert!(rest(Duration::ZERO).deadline() <= Instant::now(), "who goes on at once does");
    }
}
