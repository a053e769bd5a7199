//! When a refused message is tried again.

use std::time::Duration;

use super::refusal::RefusalClass;

/// Most tries of one message, the first included.
pub const TRIES_MAX: u32 = 6;

/// First delay, factor per further try, and ceiling of a class.
fn schedule(class: RefusalClass) -> (Duration, u32, Duration) {
    const fn minutes(n: u64) -> Duration {
        Duration::from_secs(60 * n)
    }
    match class {
        // Seconds at first, hours at last: a server that is down for an evening costs no mail.
        RefusalClass::Network | RefusalClass::Protocol => (Duration::from_secs(30), 4, minutes(120)),
        RefusalClass::Greylisted => (minutes(5), 2, minutes(120)),
        RefusalClass::Throttled => (minutes(5), 2, minutes(60)),
        RefusalClass::MailboxFull => (minutes(60), 2, minutes(480)),
        RefusalClass::Auth | RefusalClass::SenderRejected => (minutes(15), 2, minutes(240)),
        RefusalClass::InvalidRecipient | RefusalClass::InactiveMailbox => (minutes(30), 2, minutes(240)),
        RefusalClass::Policy | RefusalClass::Render => (minutes(30), 2, minutes(240)),
    }
}

/// The delay before the next try, or `None` when the tries are used up.
///
/// `tries` counts those made, this one included. `jitter` in `[0, 1)` spreads the delay over its upper half, so that
/// what failed together does not come back together.
pub fn next_try(class: RefusalClass, tries: u32, jitter: f64) -> Option<Duration> {
    if tries >= TRIES_MAX {
        return None;
    }
    let (first, factor, ceiling) = schedule(class);
    let delay = first.saturating_mul(factor.saturating_pow(tries.saturating_sub(1))).min(ceiling);
    Some(delay.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn greylisting_starts_at_five_minutes_and_doubles() {
        let delays: Vec<_> = (1..=TRIES_MAX).map(|tries| next_try(RefusalClass::Greylisted, tries, 1.0)).collect();
        let minutes = |n: u64| Some(Duration::from_secs(60 * n));
        assert_eq!(delays, [minutes(5), minutes(10), minutes(20), minutes(40), minutes(80), None]);
    }

    proptest! {
        #[test]
        fn a_delay_stays_between_half_its_step_and_its_ceiling(tries in 1u32..TRIES_MAX, jitter in 0.0f64..1.0) {
            for class in [RefusalClass::Network, RefusalClass::Greylisted, RefusalClass::MailboxFull] {
                let (first, _, ceiling) = schedule(class);
                let delay = next_try(class, tries, jitter).expect("tries are left");
                prop_assert!(delay >= first / 2 && delay <= ceiling);
            }
        }
    }
}
