//! How many requests a caller may make.

use std::time::{Duration, Instant};

use api::{ApiOptions, parse_key_rate};
use domain::keys::KeyRights;
use e2e::System;

fn limited(rate: &str) -> ApiOptions {
    // A machine with other work is no Redis that is away.
    let redis_within = Duration::from_secs(5);
    ApiOptions { key_rate: parse_key_rate(rate).expect("a rate"), redis_within, ..ApiOptions::default() }
}

#[tokio::test]
async fn a_key_is_limited_over_all_processes_and_told_how_long_to_wait() -> anyhow::Result<()> {
    let system = System::start().await?;
    // Two API processes, one bucket of ten.
    let (one, other) =
        (system.serve_with(limited("10/min,burst=10")).await?, system.serve_with(limited("10/min,burst=10")).await?);
    let other = other.with_key(&one.key);
    let since = Instant::now();
    let (mut allowed, mut refused) = (0, 0);
    for at in 0..30 {
        let client = if at % 2 == 0 { &one } else { &other };
        let answer = client.send("GET", "/v1/queue", &[], "").await?;
        assert_eq!(answer.header("ratelimit-limit"), Some("10"));
        if answer.status == 200 {
            allowed += 1;
            continue;
        }
        refused += 1;
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (429, &serde_json::json!("rate_limit_exceeded")));
        let wait: u32 = answer.header("retry-after").expect("a time").parse()?;
        assert!((1..=6).contains(&wait), "{wait}");
        assert_eq!(answer.header("ratelimit-remaining"), Some("0"));
    }
    // One more may come in every six seconds.
    let most = 11 + since.elapsed().as_secs() / 6;
    assert!((10..=most).contains(&allowed), "{allowed} allowed, {refused} refused");
    let another = system.build.key(system.tenant, KeyRights::full()).await?;
    assert_eq!(one.with_key(&another).get("/v1/queue").await?.0, 200, "another key has a bucket of its own");
    Ok(())
}

#[tokio::test]
async fn requests_that_come_together_waste_nothing_of_their_keys_rate() -> anyhow::Result<()> {
    let system = System::start().await?;
    let client = system.serve_with(limited("100/h,burst=100")).await?;
    let asked = (0..90).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.send("GET", "/v1/limits", &[], "").await })
    });
    for answer in asked.collect::<Vec<_>>() {
        assert_eq!(answer.await??.status, 200);
    }
    Ok(())
}

#[tokio::test]
async fn without_redis_each_process_counts_alone_and_nobody_is_locked_out() -> anyhow::Result<()> {
    let mut system = System::start().await?;
    let client = system.serve_with(limited("5/min,burst=5")).await?;
    system.redis.kill()?;
    let (since, mut allowed) = (Instant::now(), 0);
    for _ in 0..20 {
        allowed += u64::from(client.send("GET", "/v1/stats", &[], "").await?.status == 200);
    }
    assert!((5..=6 + since.elapsed().as_secs() / 12).contains(&allowed), "{allowed}");
    Ok(())
}
