//! When a refused message is tried again: policy as data, one line a class.

use std::time::Duration;

use super::refusal::RefusalClass;

/// How a class of refusals is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    pub first: Duration,
    /// Each further delay is so many times the one before …
    pub factor: u32,
    /// … up to this.
    pub ceiling: Duration,
    /// Most tries, the first included.
    pub tries_max: u32,
    /// After the first refusal nothing is tried for longer than this.
    pub horizon: Duration,
}

/// Most tries of any message, the first included.
pub const TRIES_MAX: u32 = 6;
/// What a provider that asks for a pause without saying how long is given.
pub const PUSHBACK_DEFAULT: Duration = Duration::from_secs(30);

const fn minutes(n: u64) -> Duration {
    Duration::from_secs(60 * n)
}

const fn policy(first: Duration, factor: u32, ceiling: Duration, horizon_hours: u64) -> RetryPolicy {
    RetryPolicy { first, factor, ceiling, tries_max: TRIES_MAX, horizon: minutes(60 * horizon_hours) }
}

/// Seconds at first and hours at last for the network, so that a server that is down for an evening costs no mail;
/// five minutes and doubling where a server wants to see patience.
pub const fn retry_policy(class: RefusalClass) -> RetryPolicy {
    match class {
        RefusalClass::Network | RefusalClass::Protocol => policy(Duration::from_secs(30), 4, minutes(120), 24),
        RefusalClass::Greylisted => policy(minutes(5), 2, minutes(120), 24),
        RefusalClass::Throttled => policy(minutes(1), 2, minutes(60), 24),
        RefusalClass::MailboxFull => policy(minutes(60), 2, minutes(480), 72),
        RefusalClass::Auth | RefusalClass::SenderRejected => policy(minutes(15), 2, minutes(240), 72),
        RefusalClass::InvalidRecipient | RefusalClass::InactiveMailbox => policy(minutes(30), 2, minutes(240), 24),
        RefusalClass::Policy | RefusalClass::Render => policy(minutes(30), 2, minutes(240), 24),
    }
}

/// What decides about the next try.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Refused {
    pub class: RefusalClass,
    /// Tries made, this one included.
    pub tries: u32,
    /// Since the first refusal.
    pub refused_for: Duration,
    /// What the provider asked for.
    pub retry_after: Option<Duration>,
    /// In `[0, 1)`: spreads a delay over its upper half, so that what failed together does not come back together.
    pub jitter: f64,
}

/// The delay before the next try, or `None` when tries or time are used up.
pub fn next_try(refused: Refused) -> Option<Duration> {
    let policy = retry_policy(refused.class);
    if refused.tries >= policy.tries_max || refused.refused_for >= policy.horizon {
        return None;
    }
    let steps = refused.tries.saturating_sub(1);
    let delay = policy.first.saturating_mul(policy.factor.saturating_pow(steps)).min(policy.ceiling);
    let spread = delay.mul_f64(0.5 + 0.5 * refused.jitter.clamp(0.0, 1.0));
    Some(refused.retry_after.map_or(spread, |asked| asked.max(spread)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIRST: Refused = Refused {
        class: RefusalClass::Greylisted,
        tries: 1,
        refused_for: Duration::ZERO,
        retry_after: None,
        jitter: 1.0,
    };

    #[test]
    fn greylisting_starts_at_five_minutes_and_doubles() {
        let delays: Vec<_> = (1..=TRIES_MAX).map(|tries| next_try(Refused { tries, ..FIRST })).collect();
        let minutes = |n: u64| Some(Duration::from_secs(60 * n));
        assert_eq!(delays, [minutes(5), minutes(10), minutes(20), minutes(40), minutes(80), None]);
    }

    #[test]
    fn beyond_its_horizon_nothing_is_tried() {
        let hours = |n: u64| Duration::from_secs(3_600 * n);
        assert!(next_try(Refused { refused_for: hours(23), ..FIRST }).is_some());
        assert_eq!(next_try(Refused { refused_for: hours(24), ..FIRST }), None);
        let full = Refused { class: RefusalClass::MailboxFull, ..FIRST };
        assert!(next_try(Refused { refused_for: hours(24), ..full }).is_some());
    }

    #[test]
    fn a_provider_that_asks_for_longer_gets_it() {
        let asked = Refused { retry_after: Some(minutes(90)), ..FIRST };
        assert_eq!(next_try(asked), Some(minutes(90)));
        assert_eq!(next_try(Refused { retry_after: Some(Duration::from_secs(1)), ..FIRST }), Some(minutes(5)));
    }

    proptest! {
        #[test]
        fn a_delay_stays_between_half_its_step_and_its_ceiling(tries in 1u32..TRIES_MAX, jitter in 0.0f64..1.0) {
            for class in [RefusalClass::Network, RefusalClass::Greylisted, RefusalClass::MailboxFull] {
                let policy = retry_policy(class);
                let delay = next_try(Refused { class, tries, jitter, ..FIRST }).expect("tries are left");
                prop_assert!(delay >= policy.first / 2 && delay <= policy.ceiling);
            }
        }
    }
}
