//! Services that already speak apalis: pushed with the stock crate, sent by us.

use apalis_core::backend::TaskSink;
use apalis_core::task::builder::TaskBuilder;
use apalis_redis::{Config, RedisStorage};
use e2e::System;
use queue::IngressData;
use serde_json::{Value, json};
use testkit::{SinkOptions, until};

const QUEUE: &str = "{pf}:ingress";

async fn storage(system: &System) -> anyhow::Result<RedisStorage<Value>> {
    let connection = apalis_redis::connect(system.redis.url()).await?;
    Ok(RedisStorage::new(connection).with_config(Config::default().queue(QUEUE)))
}

fn request(system: &System, to: &str) -> Value {
    json!({"tenant": system.tenant, "message": {"sender": system.sender, "to": to, "subject": "Hi", "text": "Hi"}})
}

async fn left_in_redis(system: &System) -> anyhow::Result<Vec<String>> {
    Ok(redis::cmd("KEYS").arg("{pf}:ingress:*").query(&mut system.redis.client()?)?)
}

#[tokio::test]
async fn what_the_stock_crate_pushed_is_sent_once_and_leaves_redis() -> anyhow::Result<()> {
    let system = System::without_orchestrator(&SinkOptions::default()).await?;
    let mut storage = storage(&system).await?;
    // More than a batch, and one of them stands there twice.
    for at in 0..700 {
        storage.push(request(&system, &format!("r{at}@recipients.example"))).await?;
    }
    let first = system.queue.peek_ingress(QUEUE, 1, 256 * 1024).await?.remove(0);
    let _: () = redis::cmd("RPUSH").arg(format!("{QUEUE}:active")).arg(&first.id).query(&mut system.redis.client()?)?;
    system.orchestrate_with(Some(QUEUE.to_owned()))?;
    system.until_led().await;
    let worker = system.work()?;
    until("all are stored", async || Ok(system.database.count("SELECT count(*) FROM messages").await? == 700)).await;
    system.until_settled().await;
    assert_eq!(system.judge().await?.get("accepted"), Some(&700));
    until("nothing is left", async || {
        let keys = left_in_redis(&system).await?;
        Ok(keys.iter().all(|key| key.ends_with(":signal")))
    })
    .await;
    worker.stop().await
}

#[tokio::test]
async fn a_task_that_is_moved_twice_is_one_message() -> anyhow::Result<()> {
    let system = System::without_orchestrator(&SinkOptions::default()).await?;
    let mut storage = storage(&system).await?;
    storage.push(request(&system, "ann@recipients.example")).await?;
    let tasks = system.queue.peek_ingress(QUEUE, 10, 256 * 1024).await?;
    assert_eq!(tasks.len(), 1);
    system.orchestrate_with(Some(QUEUE.to_owned()))?;
    until("it is stored and gone", async || {
        let stored = system.database.count("SELECT count(*) FROM messages").await? == 1;
        Ok(stored && system.queue.peek_ingress(QUEUE, 10, 256 * 1024).await?.is_empty())
    })
    .await;
    // As if the importer had died behind the commit: the task stands there again.
    let mut redis = system.redis.client()?;
    let IngressData::Here(data) = &tasks[0].data else { panic!("it is small") };
    let _: () = redis::cmd("HSET").arg(format!("{QUEUE}:data")).arg(&tasks[0].id).arg(data).query(&mut redis)?;
    let _: () = redis::cmd("RPUSH").arg(format!("{QUEUE}:active")).arg(&tasks[0].id).query(&mut redis)?;
    until("it is gone again", async || Ok(system.queue.peek_ingress(QUEUE, 10, 256 * 1024).await?.is_empty())).await;
    assert_eq!(system.database.count("SELECT count(*) FROM messages").await?, 1);
    Ok(())
}

#[tokio::test]
async fn garbage_is_set_aside_with_its_reason_and_holds_nobody_up() -> anyhow::Result<()> {
    let system = System::without_orchestrator(&SinkOptions::default()).await?;
    let mut storage = storage(&system).await?;
    let stranger = system.build.tenant().await?;
    for wrong in [
        json!("nonsense"),
        request(&system, "nobody"),
        json!({"tenant": stranger, "message": request(&system, "ann@recipients.example")["message"]}),
        json!("x".repeat(300 * 1024)),
    ] {
        storage.push(wrong).await?;
    }
    let mut redis = system.redis.client()?;
    let _: () = redis::cmd("RPUSH").arg(format!("{QUEUE}:active")).arg("no-data").query(&mut redis)?;
    let _: () = redis::cmd("HSET")
        .arg(format!("{QUEUE}:data"))
        .arg(&b"not-text\xff"[..])
        .arg(&b"\xff\0"[..])
        .query(&mut redis)?;
    let _: () = redis::cmd("RPUSH").arg(format!("{QUEUE}:active")).arg(&b"not-text\xff"[..]).query(&mut redis)?;
    storage.push(request(&system, "ann@recipients.example")).await?;
    system.orchestrate_with(Some(QUEUE.to_owned()))?;
    until("all are taken out", async || Ok(system.queue.peek_ingress(QUEUE, 10, 256 * 1024).await?.is_empty())).await;
    assert_eq!(system.database.count("SELECT count(*) FROM messages").await?, 1);
    assert_eq!(system.database.count("SELECT count(*) FROM ingress_refusals").await?, 6);
    assert_eq!(system.database.count("SELECT count(*) FROM ingress_refusals WHERE problem LIKE 'sender: %'").await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_task_for_later_waits_in_postgres() -> anyhow::Result<()> {
    let system = System::without_orchestrator(&SinkOptions::default()).await?;
    let mut storage = storage(&system).await?;
    let (now, _): (u64, u64) = redis::cmd("TIME").query(&mut system.redis.client()?)?;
    storage
        .push_task(TaskBuilder::new(request(&system, "ann@recipients.example")).run_at_timestamp(now + 3_600).build())
        .await?;
    system.orchestrate_with(Some(QUEUE.to_owned()))?;
    let waits = "SELECT count(*) FROM message_runs WHERE state = 'scheduled' AND run_at > postfleet_now() + interval '50 minutes'";
    until("it waits there", async || Ok(system.database.count(waits).await? == 1)).await;
    Ok(())
}
