use std::time::Duration;

use domain::limits::{BucketKey, Gcra, LimitTarget, RefusedBy};
use limits::{Ask, LimitsError};
use proptest::prelude::*;
use testkit::until;

use crate::setup::Setup;

/// What is done to one bucket.
#[derive(Debug, Clone)]
enum Step {
    Ask(u32),
    /// Give back so many of the latest grant's rows.
    Return(usize),
    Pass(u64),
    Lose,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1u32..9).prop_map(Step::Ask),
        2 => (1usize..9).prop_map(Step::Return),
        3 => (0u64..15).prop_map(Step::Pass),
        1 => Just(Step::Lose),
    ];
    prop::collection::vec(step, 1..40)
}

/// The script and `domain::limits::Gcra` are one arithmetic: told the same times, they grant the same.
#[test]
fn the_script_and_the_domain_grant_the_same() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let setup = runtime.block_on(Setup::start())?;
    let limits: &[&str] = &["100/s,burst=7", "3000/min,burst=20"];
    setup.limit(&[(LimitTarget::Senders(setup.tenant), limits)])?;
    let buckets = [Gcra { interval: 10_000, burst: 7 }, Gcra { interval: 20_000, burst: 20 }];
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(24));
    runner.run(&steps(), |steps| {
        runtime.block_on(agree(&setup, buckets, &steps)).map_err(|error| TestCaseError::fail(format!("{error:#}")))
    })?;
    Ok(())
}

async fn agree(setup: &Setup, buckets: [Gcra; 2], steps: &[Step]) -> anyhow::Result<()> {
    setup.begin_generation().await?;
    // What the script said of the last moment that changed anything: it alone knows the time.
    let mut since = redis_now(setup)?;
    since = redis_hash(setup, "pulse", "since")?.unwrap_or(since);
    let mut stored: [Option<i64>; 2] = [None, None];
    let mut last = None;
    for step in steps {
        match step {
            Step::Pass(millis) => tokio::time::sleep(Duration::from_millis(*millis)).await,
            Step::Lose => {
                setup.begin_generation().await?;
                since = redis_hash(setup, "pulse", "since")?.unwrap_or(since);
                (stored, last) = ([None, None], None);
            }
            Step::Ask(rows) => {
                let admitted = setup.limits.admit("test", &[setup.ask("a.example", *rows)]).await?;
                let domains = vec!["a.example"; *rows as usize];
                let grant = admitted.tokens.grant(setup.tenant, setup.sender, &domains);
                let now = grant.at;
                let tats = [0, 1].map(|at| buckets[at].standing(stored[at], since, now));
                let expected =
                    (0..2).map(|at| buckets[at].available(tats[at], now)).min().unwrap_or(0).min(i64::from(*rows));
                let granted = i64::from(admitted.verdicts[0].granted);
                anyhow::ensure!(granted == expected, "{granted} granted, {expected} expected");
                if granted > 0 {
                    stored = [0, 1].map(|at| Some(buckets[at].take(tats[at], now, granted)));
                    last = Some((grant, granted as usize));
                }
            }
            Step::Return(rows) => {
                let Some((grant, granted)) = last.take() else { continue };
                let unused: Vec<usize> = (0..(*rows).min(granted)).collect();
                let key = format!("bucket:email:sender:{}", setup.sender);
                // The first TAT is told as if nothing had ever gone back: what has is taken off.
                let mut gone_back = [0, 0];
                for (at, field) in ["rs", "rmin"].into_iter().enumerate() {
                    gone_back[at] = redis_hash(setup, &key, field)?.unwrap_or(0);
                }
                setup.limits.give_back(&grant.returns(&unused)).await?;
                // When that was only Redis knows; what it did is seen by what is stored, which must lie between what
                // the arithmetic gives for just before and just after.
                let after = redis_now(setup)?;
                for at in 0..2 {
                    let field = ["s", "min"][at];
                    let now_stored = redis_hash(setup, &key, field)?;
                    let told = grant.shared.iter().find(|taken| taken.field == field).map_or(0, |taken| taken.first);
                    let first = told - gone_back[at];
                    let least_credit = buckets[at].credit(first, unused.len() as i64, after);
                    let most_credit = buckets[at].credit(first, unused.len() as i64, grant.at);
                    if let (Some(before), Some(now)) = (stored[at], now_stored) {
                        let credit = before - now;
                        anyhow::ensure!(
                            (least_credit..=most_credit).contains(&credit),
                            "{credit} returned, {least_credit} to {most_credit} expected"
                        );
                    }
                    stored[at] = now_stored;
                }
            }
        }
    }
    Ok(())
}

fn redis_now(setup: &Setup) -> anyhow::Result<i64> {
    let (secs, micros): (i64, i64) = redis::cmd("TIME").query(&mut setup.redis.client()?)?;
    Ok(secs * 1_000_000 + micros)
}

fn redis_hash(setup: &Setup, key: &str, field: &str) -> anyhow::Result<Option<i64>> {
    Ok(redis::cmd("HGET").arg(format!("{{pf}}:{key}")).arg(field).query(&mut setup.redis.client()?)?)
}

#[tokio::test]
async fn a_message_gets_a_token_from_all_its_buckets_or_from_none() -> anyhow::Result<()> {
    let setup = Setup::start().await?;
    setup.limit(&[
        (LimitTarget::Senders(setup.tenant), &["1000/s,burst=1000"]),
        (LimitTarget::Domain(setup.tenant, "few.example".into()), &["1/h,burst=3"]),
    ])?;
    until("the buckets have filled", async || {
        let looks = [BucketKey::Sender(setup.sender)];
        Ok(setup.limits.look(setup.tenant, &looks).await?[0].is_none())
    })
    .await;
    // Empty when the generation began, three hours ago as far as this bucket is concerned: never within this test.
    assert_eq!(setup.granted("few.example", 5).await?, 0);
    let admitted = setup.limits.admit("test", &[setup.ask("few.example", 5), setup.ask("other.example", 1)]).await?;
    assert_eq!(admitted.verdicts[0].granted, 0);
    assert_eq!(admitted.verdicts[1].granted, 1, "what one domain refuses takes nothing from the others' buckets");
    let refusal = admitted.verdicts[0].refusal.clone().expect("it was refused");
    assert_eq!(refusal.bucket, BucketKey::Domain(setup.tenant, "few.example".into()));
    assert_eq!(refusal.why, RefusedBy::Rate);
    assert!(refusal.wait > Duration::from_secs(3_500), "{:?}", refusal.wait);
    Ok(())
}

#[tokio::test]
async fn tokens_that_go_back_can_be_had_again_and_only_once() -> anyhow::Result<()> {
    let setup = Setup::start().await?;
    setup.limit(&[(LimitTarget::Senders(setup.tenant), &["10/s,burst=4"])])?;
    until("four tokens are there", async || {
        let admitted = setup.limits.admit("test", &[setup.ask("a.example", 4)]).await?;
        let grant = admitted.tokens.grant(setup.tenant, setup.sender, &["a.example"; 4]);
        if admitted.verdicts[0].granted < 4 {
            setup
                .limits
                .give_back(&grant.returns(&(0..admitted.verdicts[0].granted as usize).collect::<Vec<_>>()))
                .await?;
            return Ok(false);
        }
        setup.limits.give_back(&grant.returns(&[0, 1, 2, 3])).await?;
        Ok(true)
    })
    .await;
    // All four are back, less what a moment's drain makes of the oldest.
    assert!(setup.granted("a.example", 4).await? >= 3);
    Ok(())
}

#[tokio::test]
async fn after_a_loss_nothing_is_granted_twice_and_old_grants_return_nothing() -> anyhow::Result<()> {
    let setup = Setup::start().await?;
    setup.limit(&[(LimitTarget::Senders(setup.tenant), &["1000/min,burst=10"])])?;
    until("a token is there", async || Ok(setup.granted("a.example", 1).await? == 1)).await;
    let admitted = setup.limits.admit("test", &[setup.ask("a.example", 1)]).await?;
    let grant = admitted.tokens.grant(setup.tenant, setup.sender, &["a.example"]);
    let _: () = redis::cmd("FLUSHALL").query(&mut setup.redis.client()?)?;
    assert!(matches!(setup.granted("a.example", 1).await, Err(error) if error.downcast_ref::<LimitsError>().is_some()));
    assert!(matches!(setup.limits.give_back(&grant.returns(&[0])).await, Err(LimitsError::Lost)));
    setup.begin_generation().await?;
    assert_eq!(setup.granted("a.example", 10).await?, 0, "a bucket is empty when its generation begins");
    Ok(())
}

#[tokio::test]
async fn a_days_quota_is_unknown_until_it_is_loaded_and_then_exact() -> anyhow::Result<()> {
    let setup = Setup::start().await?;
    setup.limit(&[(LimitTarget::Senders(setup.tenant), &["10/day"])])?;
    let ask = setup.ask("a.example", 25);
    let why = async || -> anyhow::Result<Option<RefusedBy>> {
        let admitted = setup.limits.admit("test", std::slice::from_ref(&ask)).await?;
        Ok(admitted.verdicts[0].refusal.as_ref().map(|refusal| refusal.why))
    };
    assert_eq!(why().await?, Some(RefusedBy::Unknown));
    let (bucket, day) = (BucketKey::Sender(setup.sender), redis_now(&setup)? / 86_400_000_000);
    setup.limits.load_quota(&bucket, day - 1, 0).await?;
    assert_eq!(why().await?, Some(RefusedBy::Unknown), "yesterday's count says nothing about today");
    setup.limits.load_quota(&bucket, day, 4).await?;
    let admitted = setup.limits.admit("test", std::slice::from_ref(&ask)).await?;
    assert_eq!(admitted.verdicts[0].granted, 6);
    assert_eq!(why().await?, Some(RefusedBy::Quota));
    setup.limits.load_quota(&bucket, day, 0).await?;
    assert_eq!(setup.granted("a.example", 25).await?, 0, "whoever loads second changes nothing");
    let grant = admitted.tokens.grant(setup.tenant, setup.sender, &["a.example"; 6]);
    setup.limits.give_back(&grant.returns(&[0, 1])).await?;
    assert_eq!(setup.granted("a.example", 25).await?, 2);
    Ok(())
}

#[tokio::test]
async fn nothing_is_granted_before_the_limits_were_read() -> anyhow::Result<()> {
    let setup = Setup::start().await?;
    let fresh = limits::Limiter::new(setup.queue.link().clone());
    let asked = fresh.admit("test", &[setup.ask("a.example", 1)]).await;
    assert!(matches!(asked, Err(LimitsError::LimitsUnread)));
    Ok(())
}

#[tokio::test]
async fn a_large_batch_over_many_buckets_never_holds_redis_for_long() -> anyhow::Result<()> {
    let setup = Setup::start().await?;
    let mut redis = setup.redis.client()?;
    for (name, value) in [("slowlog-max-len", 10_000), ("slowlog-log-slower-than", 0)] {
        let _: () = redis::cmd("CONFIG").arg("SET").arg(name).arg(value).query(&mut redis)?;
    }
    setup.limit(&[
        (LimitTarget::Senders(setup.tenant), &["1000/s", "20000/min", "100000/h"]),
        (LimitTarget::Domains(setup.tenant), &["100/s", "2000/h"]),
    ])?;
    let asks: Vec<Ask> = (0..2_000).map(|at| setup.ask(&format!("d{at}.example"), 1)).collect();
    for _ in 0..5 {
        assert_eq!(setup.limits.admit("test", &asks).await?.verdicts.len(), 2_000);
    }
    let mut scripts = script_micros(&mut redis)?;
    scripts.sort_unstable();
    assert!(scripts.len() > 35, "a large batch is asked for in parts: {scripts:?}");
    // All ask for the same; a machine with other work interrupts most of them, and never all.
    assert!(scripts[0] < 20_000, "microseconds per call: {scripts:?}");
    Ok(())
}

/// How long Redis worked on each script that the slow log has, in microseconds.
fn script_micros(redis: &mut redis::Connection) -> anyhow::Result<Vec<i64>> {
    type Entry = (i64, i64, i64, Vec<redis::Value>, String, String);
    let log: Vec<Entry> = redis::cmd("SLOWLOG").arg("GET").arg(-1).query(redis)?;
    let is_script = |entry: &Entry| {
        entry.3.first().is_some_and(|name| matches!(name, redis::Value::BulkString(name) if name.starts_with(b"EVAL")))
    };
    Ok(log.iter().filter(|entry| is_script(entry)).map(|entry| entry.2).collect())
}

#[tokio::test]
async fn a_raised_limit_forgives_what_the_old_one_had_lent() -> anyhow::Result<()> {
    let setup = Setup::start().await?;
    setup.limit(&[(LimitTarget::Senders(setup.tenant), &["2/min,burst=2"])])?;
    // Empty when the generation began: a minute of debt at the old rate.
    assert_eq!(setup.granted("a.example", 1).await?, 0);
    setup.limit(&[(LimitTarget::Senders(setup.tenant), &["60000/min,burst=5"])])?;
    until("it gives at the new rate", async || Ok(setup.granted("a.example", 1).await? == 1)).await;
    // And with a debt that is written down: park and clamp must not be forgiven anew at every look.
    setup.limit(&[(LimitTarget::Senders(setup.tenant), &["1/h"])])?;
    until("it has lent an hour", async || Ok(setup.granted("a.example", 1).await? == 0)).await;
    let key = format!("{{pf}}:bucket:email:sender:{}", setup.sender);
    let hour = redis_now(&setup)? + 3_600_000_000;
    let _: () = redis::cmd("HSET").arg(&key).arg("h").arg(hour).query(&mut setup.redis.client()?)?;
    setup.limit(&[(LimitTarget::Senders(setup.tenant), &["3600000/h,burst=5"])])?;
    until("the hour is forgiven", async || Ok(setup.granted("a.example", 1).await? == 1)).await;
    Ok(())
}
