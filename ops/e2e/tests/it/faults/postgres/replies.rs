//! Answers of Postgres that never arrive: it did what was asked, and nobody knows.

use std::time::Duration;

use domain::ids::MessageId;
use domain::messages::MessageState;
use e2e::{System, WorkerHandle};
use sqlx::PgConnection;
use testkit::proxy::Fault;
use testkit::sink::{Action, Moment};
use testkit::{FaultProxy, SinkOptions, until};
use tokio::net::lookup_host;

use super::hello;

/// A system whose processes reach Postgres through a proxy, and the proxy.
async fn behind_a_proxy() -> anyhow::Result<(System, FaultProxy)> {
    let mut system = System::without_orchestrator(&SinkOptions::default()).await?;
    sqlx::raw_sql(GATE).execute(&mut system.database.connection().await?).await?;
    system.orchestrate()?;
    system.until_led().await;
    let (before, server) = system.database.url.split_once('@').expect("a URL with a user");
    let (server, after) = server.split_once('/').expect("a URL with a database");
    let target = lookup_host(server).await?.next().expect("an address");
    let proxy = FaultProxy::before(target).await?;
    system.reach.database = format!("{before}@{}/{after}", proxy.address);
    Ok((system, proxy))
}

/// Whoever changes a run or adds a message waits while a test says so.
const GATE: &str = "
    CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END $$;
    CREATE TRIGGER gate BEFORE UPDATE ON message_runs FOR EACH STATEMENT EXECUTE FUNCTION gate();
    CREATE TRIGGER gate BEFORE INSERT ON messages FOR EACH STATEMENT EXECUTE FUNCTION gate()";

async fn close_gate(system: &System) -> anyhow::Result<PgConnection> {
    let mut holder = system.database.connection().await?;
    sqlx::raw_sql("SELECT pg_advisory_lock(1)").execute(&mut holder).await?;
    Ok(holder)
}

/// Loses the answer to the statement of `whom` that waits at the gate, and cuts every connection.
async fn lose_the_answer(
    system: &System,
    proxy: &FaultProxy,
    gate: PgConnection,
    whom: &'static str,
    done: &'static str,
) -> anyhow::Result<()> {
    swallow_the_answer(system, proxy, gate, whom, done).await?;
    proxy.cut();
    Ok(())
}

/// Swallows answers and lets the statement of `whom` that waits at the gate through; `done` then holds in Postgres.
async fn swallow_the_answer(
    system: &System,
    proxy: &FaultProxy,
    mut gate: PgConnection,
    whom: &'static str,
    done: &'static str,
) -> anyhow::Result<()> {
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND application_name = $1 AND wait_event_type = 'Lock'";
    until("the statement waits", async || {
        let count: i64 =
            sqlx::query_scalar(waiting).bind(whom).fetch_one(&mut system.database.connection().await?).await?;
        Ok(count > 0)
    })
    .await;
    let before = proxy.done().replies_dropped;
    proxy.set(Fault { drop_replies: true, ..Fault::default() });
    sqlx::raw_sql("SELECT pg_advisory_unlock(1)").execute(&mut gate).await?;
    until("it is done in Postgres", async || Ok(system.database.count(done).await? > 0)).await;
    proxy.until_done("its answer was dropped", |now| now.replies_dropped > before).await;
    Ok(())
}

const COMMITTED: &str = "SELECT count(*) FROM message_runs WHERE state = 'committing'";

/// A worker with one message, which the server holds at RCPT.
async fn on_its_way_to_the_compare_and_set(system: &System) -> anyhow::Result<(WorkerHandle, MessageId)> {
    system.sink.rule(Moment::Rcpt, None, Some(1), Action::DelayMs(1_500))?;
    let worker = system.work()?;
    let message = system.message("ann@recipients.example").await?;
    until("it is held at RCPT", async || Ok(system.sink.times("rcpt")? == 1)).await;
    Ok((worker, message))
}

#[tokio::test]
async fn p3_after_a_lost_answer_to_the_compare_and_set_nothing_is_sent_and_the_row_goes_back() -> anyhow::Result<()> {
    let (system, proxy) = behind_a_proxy().await?;
    let (worker, message) = on_its_way_to_the_compare_and_set(&system).await?;
    lose_the_answer(&system, &proxy, close_gate(&system).await?, "worker", COMMITTED).await?;
    system.until_state(message, MessageState::Accepted).await;
    assert_eq!(system.taken(message)?, 1);
    let view = system.store.messages().find_message(system.tenant, message).await?.expect("stored");
    assert!(view.attempts.iter().any(|attempt| attempt.outcome == "never_sent"), "{:?}", view.attempts);
    assert_eq!(view.tries, 1, "only the try that sent it counts");
    worker.stop().await
}

#[tokio::test]
async fn p3_an_answer_that_never_comes_over_a_connection_that_never_ends_is_given_up() -> anyhow::Result<()> {
    let (system, proxy) = behind_a_proxy().await?;
    let (worker, message) = on_its_way_to_the_compare_and_set(&system).await?;
    swallow_the_answer(&system, &proxy, close_gate(&system).await?, "worker", COMMITTED).await?;
    // What was swallowed stays lost; nobody is told, and what follows passes.
    proxy.heal();
    testkit::until_within(Duration::from_secs(60), "it is sent by another try", async || {
        Ok(system.state(message).await? == MessageState::Accepted)
    })
    .await;
    assert_eq!(system.taken(message)?, 1);
    worker.stop().await
}

#[tokio::test]
async fn p3_a_lost_answer_to_an_outcome_changes_nothing() -> anyhow::Result<()> {
    let (system, proxy) = behind_a_proxy().await?;
    system.sink.rule(Moment::Dot, None, Some(1), Action::AcceptAfterMs(1_500))?;
    let worker = system.work()?;
    let message = system.message("ann@recipients.example").await?;
    until("it waits at the final dot", async || Ok(system.taken(message)? == 1)).await;
    let accepted = "SELECT count(*) FROM message_runs WHERE state = 'accepted'";
    lose_the_answer(&system, &proxy, close_gate(&system).await?, "worker", accepted).await?;
    let next = system.message("bob@recipients.example").await?;
    system.until_state(next, MessageState::Accepted).await;
    assert_eq!((system.taken(message)?, system.state(message).await?), (1, MessageState::Accepted));
    system.judge().await?;
    worker.stop().await
}

#[tokio::test]
async fn p3_whoever_repeats_a_request_whose_commit_was_not_confirmed_creates_nothing_twice() -> anyhow::Result<()> {
    let (system, proxy) = behind_a_proxy().await?;
    let client = system.serve().await?;
    let (body, named) = (hello(&system).to_string(), [("Idempotency-Key", "once")]);
    // Its key is known and its connections are open before the fault.
    assert_eq!(client.get("/v1/queue").await?.0.as_u16(), 200);
    let gate = close_gate(&system).await?;
    let asked = {
        let (client, body) = (client.clone(), body.clone());
        tokio::spawn(async move { client.send("POST", "/v1/messages", &[("Idempotency-Key", "once")], body).await })
    };
    let stored = "SELECT count(*) FROM messages";
    lose_the_answer(&system, &proxy, gate, "api", stored).await?;
    let answer = asked.await??;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{}", answer.text);

    until("the repeat is answered", async || {
        Ok(client.send("POST", "/v1/messages", &named, body.clone()).await?.status == 202)
    })
    .await;
    let answer = client.send("POST", "/v1/messages", &named, body).await?;
    let kept: sqlx::types::Uuid =
        sqlx::query_scalar("SELECT id FROM messages").fetch_one(&mut system.database.connection().await?).await?;
    assert_eq!(answer.json()["id"], domain::ids::MessageId(kept).to_string(), "{}", answer.text);
    assert_eq!(system.database.count(stored).await?, 1);
    Ok(())
}
