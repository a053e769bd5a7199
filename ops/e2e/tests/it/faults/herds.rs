//! Many who come back at the same moment.

use std::time::{Duration, Instant};

use domain::limits::LimitTarget;
use e2e::System;
use testkit::sink::{Action, Moment};
use testkit::{Sink, SinkOptions, until, until_within};

const DEFERRED: usize = 2_000;
const RATE: f64 = 400.0;
const BURST: f64 = 100.0;

#[tokio::test]
async fn t1_two_thousand_deferred_mails_due_in_the_same_second_keep_to_the_limit_and_hold_up_nobody()
-> anyhow::Result<()> {
    let system = System::start().await?;
    let _workers = [system.work()?, system.work()?];
    // The provider is down: everything is tried and deferred.
    system.sink.rule(Moment::Rcpt, None, None, Action::Reply("451 4.3.0 down".to_owned()))?;
    system.build.scheduled(system.tenant, system.sender, DEFERRED).await?;
    let deferred = "SELECT count(*) FROM message_runs WHERE state = 'scheduled' AND tries = 1";
    until_within(Duration::from_secs(60), "all are deferred", async || {
        Ok(system.database.count(deferred).await? == DEFERRED as i64)
    })
    .await;
    assert!(system.sink.accepted()?.is_empty());
    let limit = format!("{RATE}/s,burst={BURST}");
    system.limit(LimitTarget::Sender(system.tenant, system.sender), &[&limit]).await?;

    // It is back, and all are due in one second; so are another tenant's few.
    system.sink.clear_rules()?;
    let (other, elsewhere) = (system.build.tenant().await?, Sink::start()?);
    let sender = system.build.sender(other, elsewhere.smtp).await?;
    system.build.scheduled(other, sender, 20).await?;
    sqlx::query("UPDATE message_runs SET run_at = date_trunc('second', postfleet_now()) WHERE state = 'scheduled'")
        .execute(&mut system.database.connection().await?)
        .await?;
    let since = Instant::now();
    until("the other tenant's few are through", async || Ok(elsewhere.accepted()?.len() == 20)).await;
    let (few, waiting) = (since.elapsed(), DEFERRED - system.sink.accepted()?.len());
    assert!(waiting > 0, "after {few:?} the many were still at it");
    until_within(Duration::from_secs(90), "all are through", async || Ok(system.sink.accepted()?.len() == DEFERRED))
        .await;

    let mut times: Vec<u64> =
        system.sink.events()?.iter().filter(|event| event.event == "accepted").map(|event| event.at_ms).collect();
    times.sort_unstable();
    for (from, begin) in times.iter().enumerate() {
        for (to, end) in times.iter().enumerate().skip(from) {
            let allowed = RATE * ((end - begin) as f64 / 1_000.0 + 5.0) + BURST;
            assert!((to - from + 1) as f64 <= allowed, "{} in {} ms", to - from + 1, end - begin);
        }
    }
    let took = (times[DEFERRED - 1] - times[0]) as f64 / 1_000.0;
    let average = DEFERRED as f64 / took;
    assert!(average <= RATE * 1.25, "{average} a second, where {RATE} are allowed");
    Ok(())
}

#[tokio::test]
async fn t2_when_redis_is_emptied_under_load_everybody_asks_postgres_and_the_api_still_has_a_connection()
-> anyhow::Result<()> {
    let system = System::start_with(&SinkOptions { answer_after_ms: 5, tls: None, login: None }).await?;
    let client = system.serve().await?;
    let _workers = [system.work()?, system.work()?, system.work()?, system.work()?];
    system.build.scheduled(system.tenant, system.sender, 2_000).await?;
    let body =
        serde_json::json!({"sender": system.sender, "to": "ann@recipients.example", "subject": "Hi", "text": "Hi"});
    let mut slowest = Duration::ZERO;
    for round in 1..=3 {
        system.until_taken(round * 300).await;
        let _: () = redis::cmd("FLUSHALL").query(&mut system.redis.client()?)?;
        for _ in 0..20 {
            let since = Instant::now();
            let (status, answer) = client.post("/v1/messages", &body).await?;
            assert_eq!(status.as_u16(), 202, "{answer}");
            slowest = slowest.max(since.elapsed());
        }
    }
    // A caller who had to wait for a connection would have waited for as long as a pool makes one wait: 5 s.
    assert!(slowest < Duration::from_secs(4), "one request took {slowest:?}");
    system.until_settled().await;
    assert_eq!(system.judge().await?.get("accepted"), Some(&2_060));
    Ok(())
}
