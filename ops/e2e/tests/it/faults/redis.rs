//! Redis that is killed, emptied, rolled back, slow, full or wrongly set up.

mod jobs;
mod memory;

use std::time::Duration;

use domain::limits::LimitTarget;
use domain::messages::MessageState;
use e2e::System;
use serde_json::json;
use testkit::proxy::Fault;
use testkit::{FaultProxy, SinkOptions, until};

const SLOW_SINK: SinkOptions = SinkOptions { answer_after_ms: 5, tls: None, login: None };

/// A system with work under way.
async fn busy(messages: usize) -> anyhow::Result<System> {
    let system = System::start_with(&SLOW_SINK).await?;
    system.build.scheduled(system.tenant, system.sender, messages).await?;
    Ok(system)
}

/// Everything was sent, each message once.
async fn all_sent(system: &System, messages: usize) -> anyhow::Result<()> {
    system.until_settled().await;
    assert_eq!(system.judge().await?.get("accepted"), Some(&messages));
    Ok(())
}

#[tokio::test]
async fn r1_a_redis_killed_in_the_middle_comes_back_with_its_file_and_nothing_is_lost() -> anyhow::Result<()> {
    let mut system = busy(1_500).await?;
    let _workers = [system.work()?, system.work()?];
    for wanted in [200, 700] {
        system.until_taken(wanted).await;
        system.redis.kill()?;
        system.redis.restart()?;
    }
    all_sent(&system, 1_500).await
}

#[tokio::test]
async fn r2_redis_may_be_emptied_at_any_moment() -> anyhow::Result<()> {
    let mut system = busy(2_000).await?;
    let _workers = [system.work()?, system.work()?];
    for wanted in [200, 600, 1_000] {
        system.until_taken(wanted).await;
        let _: () = redis::cmd("FLUSHALL").query(&mut system.redis.client()?)?;
    }
    system.until_taken(1_400).await;
    system.redis.restart_empty()?;
    all_sent(&system, 2_000).await
}

#[tokio::test]
async fn r2_a_new_installation_sends_its_first_message_at_once_and_a_lost_redis_gives_no_burst_again()
-> anyhow::Result<()> {
    let system = System::without_orchestrator(&SinkOptions::default()).await?;
    sqlx::query("DELETE FROM daily_sends").execute(&mut system.database.connection().await?).await?;
    system.build.limit(LimitTarget::Senders(system.tenant), &["1/h,burst=3"]).await?;
    system.build.scheduled(system.tenant, system.sender, 5).await?;
    let (worker, orchestrator) = (system.work()?, system.orchestrate()?);
    until("the burst has left", async || Ok(system.sink.accepted()?.len() == 3)).await;
    orchestrator.begin();
    let _: () = redis::cmd("FLUSHALL").query(&mut system.redis.client()?)?;
    system.orchestrate()?;
    system.until_led().await;
    // A message that may go shows that the fleet is at work again; the limited ones are still where they were.
    let other = system.build.sender(system.tenant, system.sink.smtp).await?;
    system.build.limit(LimitTarget::Sender(system.tenant, other), &["1000/s"]).await?;
    let row = system.build.message(other, "ann@recipients.example");
    system.store.messages().enqueue_messages(system.tenant, std::slice::from_ref(&row)).await?;
    system.until_state(row.id, MessageState::Accepted).await;
    assert_eq!(system.sink.accepted()?.len(), 4);
    worker.stop().await
}

#[tokio::test]
async fn r3_while_redis_is_down_the_api_accepts_and_all_is_sent_when_it_is_back() -> anyhow::Result<()> {
    let mut system = busy(300).await?;
    let (client, _worker) = (system.serve().await?, system.work()?);
    system.until_taken(50).await;
    system.redis.kill()?;
    let body = json!({"sender": system.sender, "to": "ann@recipients.example", "subject": "Hi", "text": "Hi"});
    for _ in 0..20 {
        let (status, answer) = client.post("/v1/messages", &body).await?;
        assert_eq!((status.as_u16(), &answer["state"]), (202, &json!("scheduled")), "{answer}");
    }
    // Degraded, not dead: what it needs to accept is there.
    assert_eq!(client.send("GET", "/readyz", &[], "").await?.status, 200);
    system.redis.restart()?;
    all_sent(&system, 320).await
}

#[tokio::test]
async fn r4_redis_may_be_rolled_back_at_any_moment() -> anyhow::Result<()> {
    let mut system = busy(2_000).await?;
    let _workers = [system.work()?, system.work()?];
    system.until_taken(200).await;
    let snapshot = system.redis.snapshot()?;
    system.until_taken(1_000).await;
    system.redis.roll_back(&snapshot)?;
    all_sent(&system, 2_000).await
}

#[tokio::test]
async fn r5_slow_answers_lost_answers_and_a_stall_cost_no_worker_and_no_message() -> anyhow::Result<()> {
    let mut system = System::without_orchestrator(&SLOW_SINK).await?;
    let proxy = FaultProxy::before(system.redis.address()).await?;
    system.reach.redis = format!("redis://{}", proxy.address);
    system.orchestrate()?;
    let workers = [system.work()?, system.work()?];
    system.build.scheduled(system.tenant, system.sender, 1_500).await?;
    system.until_taken(200).await;

    proxy.set(Fault { latency: Duration::from_millis(600), ..Fault::default() });
    let before = system.sink.accepted()?.len();
    system.until_taken(before + 50).await;

    // What was asked is done, and nobody hears of it.
    let dropped = proxy.done().replies_dropped;
    proxy.set(Fault { drop_replies: true, ..Fault::default() });
    proxy.until_done("replies were dropped", |done| done.replies_dropped > dropped + 5).await;
    proxy.cut();
    let before = system.sink.accepted()?.len();
    system.until_taken((before + 100).min(1_500)).await;

    system.redis.stall()?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    system.redis.go_on()?;
    all_sent(&system, 1_500).await?;
    for worker in workers {
        worker.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn r11_forgotten_scripts_and_killed_connections_cost_nothing() -> anyhow::Result<()> {
    let system = busy(1_500).await?;
    let workers = [system.work()?, system.work()?];
    for (at, kind) in ["normal", "pubsub", "normal", "pubsub"].into_iter().enumerate() {
        system.until_taken(100 + 250 * at).await;
        let mut client = system.redis.client()?;
        let _: () = redis::cmd("SCRIPT").arg("FLUSH").query(&mut client)?;
        let killed: i64 =
            redis::cmd("CLIENT").arg("KILL").arg("TYPE").arg(kind).arg("SKIPME").arg("yes").query(&mut client)?;
        assert!(killed > 0, "somebody was connected");
    }
    all_sent(&system, 1_500).await?;
    for worker in workers {
        worker.stop().await?;
    }
    Ok(())
}
