//! The bucket against brute force: whatever is granted, sent late, given back or lost, no window holds too many.

use super::Gcra;
use crate::limits::GRANT_GOOD_FOR;
use proptest::prelude::*;

/// What may happen to a bucket.
#[derive(Debug, Clone)]
enum Step {
    Pass(i64),
    /// Ask for so many; what is granted is sent after so many microseconds, or never.
    Ask {
        tokens: i64,
        sent_after: Option<i64>,
    },
    /// Return the tokens of the n-th grant that was never sent.
    Return(usize),
    /// Redis is emptied; a generation begins.
    Lose,
}

const GOOD_FOR: i64 = GRANT_GOOD_FOR.as_micros() as i64;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0i64..4_000_000).prop_map(Step::Pass),
        1 => (4_000_000i64..40_000_000).prop_map(Step::Pass),
        8 => (1i64..12, prop::option::weighted(0.7, 0..=GOOD_FOR))
            .prop_map(|(tokens, sent_after)| Step::Ask { tokens, sent_after }),
        3 => (0usize..8).prop_map(Step::Return),
        1 => Just(Step::Lose),
    ];
    prop::collection::vec(step, 1..120)
}

/// A grant that was never sent.
struct Kept {
    first: i64,
    tokens: i64,
}

struct Run {
    sends: Vec<i64>,
    /// A grant was refused though the bucket, by the rule itself, had tokens.
    idled: bool,
}

fn run(bucket: Gcra, steps: &[Step]) -> Run {
    let (mut now, mut since, mut stored, mut returned) = (1_000_000_000i64, 0i64, None::<i64>, 0i64);
    let (mut sends, mut kept, mut idled) = (Vec::new(), Vec::<Kept>::new(), false);
    for step in steps {
        match step {
            Step::Pass(micros) => now += micros,
            Step::Lose => {
                (since, stored) = (now, None);
                // Grants of an old generation are returned by nobody.
                kept.clear();
            }
            Step::Ask { tokens, sent_after } => {
                let tat = bucket.standing(stored, since, now);
                let granted = bucket.available(tat, now).min(*tokens);
                idled |= granted == 0 && bucket.wait(tat, now).is_zero();
                if granted > 0 {
                    stored = Some(bucket.take(tat, now, granted));
                    match sent_after {
                        Some(after) => sends.extend((0..granted).map(|_| now + after)),
                        None => kept.push(Kept { first: tat.max(now) + bucket.interval + returned, tokens: granted }),
                    }
                }
            }
            Step::Return(at) => {
                if *at < kept.len() {
                    let Kept { first, tokens } = kept.swap_remove(*at);
                    let credit = bucket.credit(first - returned, tokens, now);
                    stored = stored.map(|tat| tat - credit);
                    returned += credit;
                }
            }
        }
    }
    sends.sort_unstable();
    Run { sends, idled }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Promise 4: in any window of length t, at most rate × (t + 5 s) + burst.
    #[test]
    fn no_window_holds_more_than_was_promised(
        interval in 1_000i64..3_000_000, burst in 1i64..30, steps in steps(),
    ) {
        let bucket = Gcra { interval, burst };
        let sends = run(bucket, &steps).sends;
        for (from, begin) in sends.iter().enumerate() {
            for (to, end) in sends.iter().enumerate().skip(from) {
                let allowed = (end - begin + GOOD_FOR) / interval + burst;
                prop_assert!((to - from + 1) as i64 <= allowed, "{} in {} µs", to - from + 1, end - begin);
            }
        }
    }

    /// Work-conserving: who is refused has to wait, and who has waited is granted.
    #[test]
    fn whoever_is_refused_is_told_how_long_and_then_granted(
        interval in 1i64..3_000_000, burst in 1i64..30, stored in prop::option::of(0i64..2_000_000_000),
        since in 0i64..1_000_000_000, steps in steps(),
    ) {
        let (bucket, now) = (Gcra { interval, burst }, 1_000_000_000);
        prop_assert!(!run(bucket, &steps).idled);
        let tat = bucket.standing(stored, since, now);
        let wait = bucket.wait(tat, now).as_micros() as i64;
        prop_assert_eq!(bucket.available(tat, now) == 0, wait > 0);
        prop_assert!(bucket.available(tat, now + wait) >= 1);
    }

    /// Over a long time a bucket that is always asked gives its whole rate: nothing is lost to rounding or to returns.
    #[test]
    fn a_bucket_that_is_always_asked_gives_its_whole_rate(
        interval in 1_000i64..1_000_000, burst in 2i64..30, pause in 1i64..100,
    ) {
        let bucket = Gcra { interval, burst };
        // Asked before it is full again, or tokens would rightly overflow.
        let pause = interval * (burst - 1) * pause / 100;
        let (mut tat, mut given, begin) = (0, 0, 1_000_000_000i64);
        let rounds = 500;
        for round in 0..rounds {
            let now = begin + round * pause;
            let granted = bucket.available(tat, now);
            tat = bucket.take(tat, now, granted);
            given += granted;
        }
        let least = burst + ((rounds - 1) * pause) / interval - 1;
        prop_assert!(given >= least, "{given} of {least}");
    }
}

/// Two grants overlap; the first goes back at once, others take its place and more, and then the second goes back.
#[test]
fn a_return_knows_what_was_returned_before_it() {
    let ask = |tokens, sent_after| Step::Ask { tokens, sent_after };
    for (burst, interval, one, other, pause) in
        [(100, 1_000_000, 50, 50, 50_000_000), (29, 3_000_000, 11, 11, 33_000_000)]
    {
        let bucket = Gcra { interval, burst };
        let steps = [
            ask(one, None),
            ask(other, None),
            Step::Return(0),
            Step::Pass(pause),
            ask(1_000, Some(0)),
            Step::Return(0),
            ask(1_000, Some(0)),
        ];
        let sends = run(bucket, &steps).sends;
        let allowed = GOOD_FOR / interval + burst;
        assert!(sends.len() as i64 <= allowed, "{} at once, {allowed} allowed", sends.len());
    }
}

#[test]
fn a_token_that_has_drained_cannot_be_returned() {
    let bucket = Gcra { interval: 1_000, burst: 3 };
    let first = bucket.take(0, 10_000, 1);
    assert_eq!(bucket.credit(first, 1, 10_000), 1_000);
    assert_eq!(bucket.credit(first, 1, 10_400), 600);
    assert_eq!(bucket.credit(first, 1, 12_000), 0);
}

#[test]
fn a_bucket_is_empty_when_its_generation_begins_and_a_raised_limit_holds_at_once() {
    let slow = Gcra { interval: 3_600_000_000, burst: 1 };
    let tat = slow.standing(None, 5_000, 5_000);
    assert_eq!(slow.available(tat, 5_000), 0);
    let fast = Gcra { interval: 1_000, burst: 2 };
    assert_eq!(fast.available(fast.standing(Some(tat), 0, 10_000), 12_000), 2);
}
