//! Postgres that crashes, loses an answer, refuses, runs full or goes back in time.

mod backups;
mod bloat;
mod disks;
mod replies;

use std::time::Duration;

use e2e::{Client, Fleet, System};
use serde_json::{Value, json};
use testkit::postgres::{Durability, Postgres};
use testkit::{SinkOptions, TestDatabase, free_port, until};

const SLOW_SINK: SinkOptions = SinkOptions { answer_after_ms: 5, tls: None, login: None };

/// A system whose Postgres is its own and writes as in production.
async fn on_its_own(postgres: &Postgres) -> anyhow::Result<System> {
    let system = System::on(TestDatabase::create_in(postgres).await?, &SLOW_SINK).await?;
    system.orchestrate()?;
    system.until_led().await;
    Ok(system)
}

fn hello(system: &System) -> Value {
    json!({"sender": system.sender, "to": "ann@recipients.example", "subject": "Hi", "text": "Hi"})
}

/// Everything was sent, each message once.
async fn all_sent(system: &System, messages: usize) -> anyhow::Result<()> {
    system.until_settled().await;
    assert_eq!(system.judge().await?.get("accepted"), Some(&messages));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p1_an_immediate_restart_in_the_middle_loses_no_outcome_and_no_message() -> anyhow::Result<()> {
    let mut postgres = Postgres::start(Durability::Real)?;
    let system = on_its_own(&postgres).await?;
    let (client, _workers) = (system.serve().await?, [system.work()?, system.work()?]);
    system.build.scheduled(system.tenant, system.sender, 1_000).await?;
    system.until_taken(200).await;
    postgres.restart_immediately()?;
    system.until_taken(400).await;
    // Now it stays away for a while: what workers know is kept by them, and nobody is promised anything.
    postgres.stop_immediately()?;
    let answer = client.send("POST", "/v1/messages", &[], hello(&system).to_string()).await?;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{}", answer.text);
    let taken = system.sink.accepted()?.len();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let inflight = system.sink.accepted()?.len() - taken;
    assert!(inflight <= 20, "{inflight} were sent without a commit");
    postgres.start_again()?;
    all_sent(&system, 1_000).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p2_a_killed_backend_and_ended_sessions_cost_nothing() -> anyhow::Result<()> {
    let postgres = Postgres::start(Durability::Real)?;
    let system = on_its_own(&postgres).await?;
    let _workers = [system.work()?, system.work()?];
    system.build.scheduled(system.tenant, system.sender, 1_200).await?;
    for wanted in [150, 400] {
        system.until_taken(wanted).await;
        sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'worker'")
            .execute(&mut system.database.connection().await?)
            .await?;
    }
    system.until_taken(600).await;
    let victim = "SELECT pid FROM pg_stat_activity WHERE application_name = 'worker' ORDER BY backend_start LIMIT 1";
    let pid: i32 = sqlx::query_scalar(victim).fetch_one(&mut system.database.connection().await?).await?;
    postgres.kill_backend(pid)?;
    all_sent(&system, 1_200).await
}

#[tokio::test]
async fn p4_with_every_connection_in_use_callers_are_told_to_come_back_and_health_still_answers() -> anyhow::Result<()>
{
    let system = System::start().await?;
    let (mut fleet, _worker) = (Fleet::on(&system), system.work()?);
    let [public, private] = [free_port()?, free_port()?].map(|port| format!("127.0.0.1:{port}"));
    fleet.start(&["api", "--api-listen", &public, "--ops-listen", &private, "--database-connections", "2"])?;
    let client = Client::new(format!("http://{public}"), system.key(system.tenant).await?);
    until("the API is up", async || Ok(client.get("/v1/queue").await?.0.is_success())).await;
    let waiting = system.message("bob@recipients.example").await?;
    system.until_taken(1).await;

    let mut holder = system.database.connection().await?;
    sqlx::raw_sql("BEGIN; LOCK TABLE messages IN ACCESS EXCLUSIVE MODE").execute(&mut holder).await?;
    let body = |at: usize| {
        let mut body = hello(&system);
        body["dedupe_key"] = json!(format!("asked {at}"));
        body.to_string()
    };
    let ask = |at: usize| {
        let (client, body) = (client.clone(), body(at));
        tokio::spawn(async move { client.send("POST", "/v1/messages", &[], body).await })
    };
    let used = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'postfleet api' AND wait_event_type = 'Lock'";
    // Those that come together share a statement: the first comes alone.
    let mut asked = vec![ask(0)];
    until("the first connection waits", async || Ok(system.database.count(used).await? == 1)).await;
    asked.extend((1..12).map(ask));
    until("every connection waits", async || Ok(system.database.count(used).await? == 2)).await;
    for listener in [&public, &private] {
        let answer = client.send_to(listener, "/readyz").await?;
        assert_eq!(answer.status, 200, "{listener}: {}", answer.text);
    }
    for answer in asked {
        let answer = answer.await??;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{}", answer.text);
    }
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await?;
    // Whoever was told so comes back with the same key, and need not know whether the first was stored.
    for at in 0..12 {
        let answer = client.send("POST", "/v1/messages", &[], body(at)).await?;
        assert!([200, 202].contains(&answer.status), "{}: {}", answer.status, answer.text);
    }
    assert_eq!(system.taken(waiting)?, 1);
    all_sent(&system, 13).await
}

/// Fails every fifth statement that changes a run, once as a deadlock and once as a serialization failure.
const UPSET: &str = "
    CREATE SEQUENCE upsets;
    CREATE FUNCTION upset() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE at bigint := nextval('upsets');
    BEGIN
        IF at % 5 = 0 THEN
            RAISE EXCEPTION 'made up' USING ERRCODE = CASE WHEN at % 2 = 0 THEN '40P01' ELSE '40001' END;
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER upset BEFORE UPDATE ON message_runs FOR EACH STATEMENT EXECUTE FUNCTION upset()";

#[tokio::test]
async fn p6_deadlocks_and_serialization_failures_are_tried_again() -> anyhow::Result<()> {
    let system = System::start_with(&SLOW_SINK).await?;
    sqlx::raw_sql(UPSET).execute(&mut system.database.connection().await?).await?;
    let _workers = [system.work()?, system.work()?];
    system.build.scheduled(system.tenant, system.sender, 600).await?;
    all_sent(&system, 600).await?;
    assert!(system.database.count("SELECT last_value FROM upsets").await? > 20, "statements did fail");
    Ok(())
}
