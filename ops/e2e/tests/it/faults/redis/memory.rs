//! What Redis holds, and what it does when it can hold no more.

use std::net::TcpListener;
use std::time::Duration;

use e2e::{Client, Fleet, System};
use testkit::{SinkOptions, until};

use super::{all_sent, busy};

#[tokio::test]
async fn r6_on_a_redis_that_evicts_no_role_begins_to_work_and_it_says_so() -> anyhow::Result<()> {
    let system = System::without_orchestrator(&SinkOptions::default()).await?;
    system.redis.configure("maxmemory-policy", "allkeys-lru")?;
    let mut fleet = Fleet::on(&system);
    let listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    fleet.start(&["orchestrator", "--ops-listen", &listen])?;
    fleet.start(&["worker"])?;
    let health = Client::new(format!("http://{listen}"), String::new());
    until("it is not ready, and says why", async || {
        let answer = health.send("GET", "/readyz", &[], "").await?;
        Ok(answer.status == 503 && answer.text.contains("maxmemory-policy is allkeys-lru"))
    })
    .await;
    let message = system.message("ann@recipients.example").await?;
    // It looks every second; the second look finds nothing better.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(system.database.count("SELECT count(*) FROM leaders").await?, 0, "nobody leads");
    assert_eq!(system.database.count("SELECT count(*) FROM workers").await?, 0, "nobody works");

    system.redis.configure("maxmemory-policy", "noeviction")?;
    until("it is sent", async || Ok(system.taken(message)? == 1)).await;
    assert_eq!(health.send("GET", "/readyz", &[], "").await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn r6_a_full_redis_pauses_the_feeding_and_loses_nothing() -> anyhow::Result<()> {
    let system = busy(1_500).await?;
    let (client, _workers) = (system.serve().await?, [system.work()?, system.work()?]);
    system.until_taken(200).await;
    system.redis.fill_up()?;
    until("Redis has refused somebody", async || Ok(system.redis.info("errorstat_OOM")?.is_some())).await;
    let body =
        serde_json::json!({"sender": system.sender, "to": "ann@recipients.example", "subject": "Hi", "text": "Hi"});
    assert_eq!(client.post("/v1/messages", &body).await?.0.as_u16(), 202);
    until("nobody sends", async || {
        let before = system.sink.accepted()?.len();
        tokio::time::sleep(Duration::from_millis(500)).await;
        Ok(system.sink.accepted()?.len() == before)
    })
    .await;
    assert!(system.sink.accepted()?.len() < 1_500, "something was left to do");
    system.redis.make_room()?;
    all_sent(&system, 1_501).await
}

#[tokio::test]
async fn r7_fifty_thousand_due_messages_and_no_worker_cost_redis_one_window() -> anyhow::Result<()> {
    let system = System::start().await?;
    let template = system.message("ann@recipients.example").await?;
    system.store.messages().cancel_message(system.tenant, template).await?;
    let mut connection = system.database.connection().await?;
    sqlx::query(
        "INSERT INTO messages (id, tenant_id, sender_id, content_id, to_address, data)
                 SELECT gen_random_uuid(), tenant_id, sender_id, content_id, 'r' || n || '@recipients.example', data
                 FROM messages, generate_series(1, 50000) AS n WHERE id = $1",
    )
    .bind(template.uuid())
    .execute(&mut connection)
    .await?;
    sqlx::query(
        "INSERT INTO message_runs (message_id, tenant_id, sender_id, state, priority, run_at, recipient_domain)
                 SELECT id, tenant_id, sender_id, 'scheduled', 1, postfleet_now(), 'recipients.example'
                 FROM messages WHERE id <> $1",
    )
    .bind(template.uuid())
    .execute(&mut connection)
    .await?;
    let queued = "SELECT count(*) FROM message_runs WHERE state = 'queued'";
    until("the window is full", async || Ok(system.database.count(queued).await? >= 10)).await;
    let renewals = "SELECT extract(epoch FROM expires_at)::bigint FROM leaders";
    let before = system.database.count(renewals).await?;
    until("the feeder had every chance", async || Ok(system.database.count(renewals).await? > before + 2)).await;
    let audit = system.queue.audit(&domain::jobs::PoolName::send_shared()).await?;
    assert!(audit.rows <= 256, "{} rows stand in Redis and nobody drains", audit.rows);

    let workers = [system.work()?, system.work()?];
    system.until_taken(2_000).await;
    assert!(system.queue.audit(&domain::jobs::PoolName::send_shared()).await?.rows <= 20_000);
    // What is in their hands is finished and recorded before it is judged.
    for worker in workers {
        worker.stop().await?;
    }
    system.judge().await?;
    Ok(())
}
