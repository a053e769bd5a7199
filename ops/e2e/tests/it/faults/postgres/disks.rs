//! A Postgres that cannot write.

use std::collections::HashSet;

use domain::messages::MessageState;
use e2e::{Client, System};
use testkit::postgres::Postgres;
use testkit::{SmallDisk, until};

use super::{all_sent, hello, on_its_own};

/// Posts until nothing is accepted any more; answers the ids of what was.
async fn post_until_refused(client: &Client, system: &System) -> anyhow::Result<HashSet<String>> {
    let mut promised = HashSet::new();
    // Larger than a page each, so that it does not take long.
    let mut body = hello(system);
    body["data"] = serde_json::json!({"filling": "x".repeat(20_000)});
    for _ in 0..5_000 {
        let answer = client.send("POST", "/v1/messages", &[], body.to_string()).await?;
        if answer.status == 503 {
            assert_eq!(answer.header("retry-after"), Some("1"));
            return Ok(promised);
        }
        assert_eq!(answer.status, 202, "{}", answer.text);
        promised.insert(answer.json()["id"].as_str().expect("an id").to_owned());
    }
    anyhow::bail!("the disk was never full")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p7_on_a_full_disk_nothing_is_promised_nothing_is_sent_uncommitted_and_all_goes_on_after() -> anyhow::Result<()>
{
    if !SmallDisk::is_possible() {
        // Only root may mount one; the test beside this shows the same for a Postgres that refuses to write.
        return Ok(());
    }
    let mut postgres = Postgres::start_on_small_disk(160)?;
    let system = on_its_own(&postgres).await?;
    let (client, _worker) = (system.serve().await?, system.work()?);
    system.build.scheduled(system.tenant, system.sender, 100).await?;
    system.until_taken(100).await;
    postgres.disk()?.fill()?;
    let promised = post_until_refused(&client, &system).await?;
    // Full it may have given up altogether, which is the harder case.
    postgres.disk()?.free()?;
    if !postgres.is_running()? {
        postgres.start_again()?;
    }
    until("it accepts again", async || {
        Ok(client.send("POST", "/v1/messages", &[], hello(&system).to_string()).await?.status == 202)
    })
    .await;
    system.until_settled().await;
    let counts = system.judge().await?;
    assert_eq!(counts.keys().collect::<Vec<_>>(), ["accepted"], "{counts:?}");
    for id in promised {
        assert_eq!(system.taken(id.parse()?)?, 1, "{id} was promised");
    }
    Ok(())
}

#[tokio::test]
async fn p7_a_postgres_that_turned_read_only_sends_nothing_and_recovers() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (client, _worker) = (system.serve().await?, system.work()?);
    let first = system.message("ann@recipients.example").await?;
    system.until_state(first, MessageState::Accepted).await;
    let waiting = system.build.scheduled(system.tenant, system.sender, 50).await?.len();
    read_only(&system, true).await?;
    let answer = client.send("POST", "/v1/messages", &[], hello(&system).to_string()).await?;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{}", answer.text);
    let sent = system.sink.accepted()?.len();
    let committed = "SELECT count(*) FROM message_runs WHERE state IN ('committing', 'accepted')";
    assert!(system.database.count(committed).await? as usize >= sent, "what was sent had been committed before");
    read_only(&system, false).await?;
    all_sent(&system, 1 + waiting).await
}

/// Ends everybody's session: those that follow may write, or not.
async fn read_only(system: &System, on: bool) -> anyhow::Result<()> {
    let mut connection = system.database.connection().await?;
    // Alone: it holds from the next transaction on.
    sqlx::raw_sql("SET default_transaction_read_only = off").execute(&mut connection).await?;
    let sql = format!(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = {}', current_database()); END $$;
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
        if on { "on" } else { "off" }
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await?;
    Ok(())
}
