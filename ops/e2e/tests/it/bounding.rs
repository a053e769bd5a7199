//! What a caller may take of the API: requests, connections, time.

use std::time::{Duration, Instant};

use api::{ApiOptions, parse_key_rate};
use domain::keys::KeyRights;
use e2e::System;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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

async fn closed_within(stream: &mut TcpStream, patience: Duration) -> anyhow::Result<Duration> {
    let since = Instant::now();
    let mut answer = Vec::new();
    // A reset is an end too.
    let _ = tokio::time::timeout(patience, stream.read_to_end(&mut answer)).await?;
    Ok(since.elapsed())
}

#[tokio::test]
async fn who_never_finishes_his_request_is_let_go() -> anyhow::Result<()> {
    let system = System::start().await?;
    let options = ApiOptions { patience: Duration::from_millis(500), ..ApiOptions::default() };
    let client = system.serve_with(options).await?;
    let address = client.url.strip_prefix("http://").expect("an address");
    for begun in ["", "GET /v1/queue HTTP/1.1\r\nHost: a\r\nX-Slow: "] {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(begun.as_bytes()).await?;
        let took = closed_within(&mut stream, Duration::from_secs(10)).await?;
        assert!(took < Duration::from_secs(8), "{begun:?}: {took:?}");
    }
    Ok(())
}

#[tokio::test]
async fn heads_beyond_their_bounds_are_refused() -> anyhow::Result<()> {
    let system = System::start().await?;
    let client = system.serve().await?;
    let large = "x".repeat(300 * 1024);
    // It answers and closes while the rest is still being sent, which the caller may see as a reset.
    if let Ok(answer) = client.send("GET", "/v1/queue", &[("X-Large", &large)], "").await {
        assert_eq!(answer.status, 431);
    }
    let names: Vec<String> = (0..100).map(|at| format!("X-Many-{at}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    assert_eq!(client.send("GET", "/v1/queue", &many, "").await?.status, 431);
    Ok(())
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_and_are_served_when_one_ends() -> anyhow::Result<()> {
    let system = System::start().await?;
    let options = ApiOptions { connections_max: 2, patience: Duration::from_secs(60), ..ApiOptions::default() };
    let client = system.serve_with(options).await?;
    let address = client.url.strip_prefix("http://").expect("an address");
    let first = TcpStream::connect(address).await?;
    let _second = TcpStream::connect(address).await?;
    let waiting = {
        let client = client.clone();
        tokio::spawn(async move { client.send("GET", "/v1/queue", &[], "").await })
    };
    let early = tokio::time::timeout(Duration::from_millis(300), async {
        while !waiting.is_finished() {
            tokio::task::yield_now().await
        }
    });
    assert!(early.await.is_err(), "both places are taken");
    drop(first);
    assert_eq!(waiting.await??.status, 200);
    Ok(())
}
