use std::time::Duration;

use domain::limits::LimitTarget;
use domain::messages::MessageState;
use e2e::System;
use testkit::{SinkOptions, until, until_within};

const SLOW_SINK: SinkOptions = SinkOptions { answer_after_ms: 5, tls: None, login: None };

/// A system with work under way.
async fn busy(messages: usize) -> anyhow::Result<System> {
    let system = System::start_with(&SLOW_SINK).await?;
    system.build.scheduled(system.tenant, system.sender, messages).await?;
    Ok(system)
}

async fn until_taken(system: &System, wanted: usize) {
    until(&format!("the sink has taken {wanted}"), async || Ok(system.sink.accepted()?.len() >= wanted)).await;
}

#[tokio::test]
async fn a_new_installation_sends_its_first_message_at_once_and_a_lost_redis_gives_no_burst_again() -> anyhow::Result<()>
{
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
async fn redis_may_be_emptied_at_any_moment() -> anyhow::Result<()> {
    let system = busy(2_000).await?;
    let _workers = [system.work()?, system.work()?];
    for wanted in [200, 600, 1_000] {
        until_taken(&system, wanted).await;
        let _: () = redis::cmd("FLUSHALL").query(&mut system.redis.client()?)?;
    }
    system.until_settled().await;
    assert_eq!(system.judge().await?.get("accepted"), Some(&2_000));
    Ok(())
}

#[tokio::test]
async fn redis_may_be_rolled_back_at_any_moment() -> anyhow::Result<()> {
    let mut system = busy(2_000).await?;
    let _workers = [system.work()?, system.work()?];
    until_taken(&system, 200).await;
    let snapshot = system.redis.snapshot()?;
    until_taken(&system, 1_000).await;
    system.redis.roll_back(&snapshot)?;
    system.until_settled().await;
    assert_eq!(system.judge().await?.get("accepted"), Some(&2_000));
    Ok(())
}

#[tokio::test]
async fn redis_may_be_away_while_work_is_under_way() -> anyhow::Result<()> {
    let mut system = busy(1_500).await?;
    let _workers = [system.work()?, system.work()?];
    until_taken(&system, 200).await;
    system.redis.restart_empty()?;
    until_taken(&system, 600).await;
    system.redis.stall()?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    system.redis.go_on()?;
    system.until_settled().await;
    assert_eq!(system.judge().await?.get("accepted"), Some(&1_500));
    Ok(())
}

#[tokio::test]
async fn a_job_that_vanished_from_redis_is_rescued_and_one_that_stands_is_not() -> anyhow::Result<()> {
    let system = System::start().await?;
    system.build.scheduled(system.tenant, system.sender, 50).await?;
    let queued = "SELECT count(*) FROM message_runs WHERE state = 'queued'";
    until("they are queued", async || Ok(system.database.count(queued).await? > 0)).await;
    let standing = "SELECT count(DISTINCT job_id) FROM message_runs WHERE state = 'queued' AND queued_at < postfleet_now() - interval '1 hour'";
    system.database.advance(Duration::from_secs(7_200)).await?;
    let before = system.database.count(standing).await?;
    assert!(before > 0, "jobs that stand for hours, because nobody works");

    let data = system.queue.keys().pool(&domain::jobs::PoolName::send_shared(), "data");
    let ready = system.queue.keys().ready(&domain::jobs::PoolName::send_shared());
    let mut client = system.redis.client()?;
    let jobs: Vec<String> = redis::cmd("HKEYS").arg(&data).query(&mut client)?;
    let _: i64 = redis::cmd("HDEL").arg(&data).arg(&jobs[0]).query(&mut client)?;
    let _: i64 = redis::cmd("LREM").arg(&ready[1]).arg(0).arg(&jobs[0]).query(&mut client)?;
    until("its rows have another job", async || Ok(system.database.count(standing).await? == before - 1)).await;

    let _worker = system.work()?;
    system.until_settled().await;
    assert_eq!(system.judge().await?.get("accepted"), Some(&50));
    Ok(())
}

#[tokio::test]
async fn if_postgres_went_back_in_time_sending_stops_until_an_operator_says_so() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _worker = system.work()?;
    // As after the restore of an old backup: Redis has beats that Postgres knows nothing of.
    until("some beats", async || Ok(system.store.fleet().state().await?.beat > 3)).await;
    let mut connection = system.database.connection().await?;
    sqlx::query("UPDATE fleet SET beat = beat - 1000").execute(&mut connection).await?;
    until("it is halted", async || Ok(system.store.fleet().state().await?.halt_reason.is_some())).await;
    let message = system.message("ann@recipients.example").await?;
    let renewals = "SELECT extract(epoch FROM expires_at)::bigint FROM leaders";
    let before = system.database.count(renewals).await?;
    until("the leader had every chance", async || Ok(system.database.count(renewals).await? > before + 3)).await;
    assert_eq!(system.state(message).await?, MessageState::Scheduled);
    assert_eq!(system.taken(message)?, 0);

    let standing = system.queue.standing_beat().await?.unwrap_or(0);
    assert!(system.store.fleet().resume(system.ids.next(), standing).await?);
    system.until_state(message, MessageState::Accepted).await;
    Ok(())
}

#[tokio::test]
async fn another_orchestrator_takes_over_when_the_leader_goes() -> anyhow::Result<()> {
    let system = System::without_orchestrator(&SLOW_SINK).await?;
    let _worker = system.work()?;
    let first = system.orchestrate()?;
    let _second = system.orchestrate()?;
    system.until_led().await;
    system.build.scheduled(system.tenant, system.sender, 300).await?;
    until_taken(&system, 50).await;
    first.begin();
    system.build.scheduled(system.tenant, system.sender, 300).await?;
    system.until_settled().await;
    assert_eq!(system.judge().await?.get("accepted"), Some(&600));
    assert_eq!(system.database.count("SELECT count(*) FROM leaders").await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_server_that_hangs_holds_up_nobody_elses_mail() -> anyhow::Result<()> {
    use testkit::Sink;
    use testkit::sink::{Action, Moment};

    let system = System::start_with(&SLOW_SINK).await?;
    let (hanging, _worker) = (Sink::start()?, system.work()?);
    hanging.rule(Moment::Mail, None, None, Action::Hang)?;
    let stuck = system.build.sender(system.tenant, hanging.smtp).await?;
    system.build.scheduled(system.tenant, stuck, 500).await?;
    until("it hangs", async || Ok(!hanging.events()?.is_empty())).await;
    system.build.scheduled(system.tenant, system.sender, 500).await?;
    until_within(Duration::from_secs(20), "the others are through", async || Ok(system.sink.accepted()?.len() == 500))
        .await;
    let held = "SELECT count(*) FROM message_runs WHERE state = 'queued'";
    assert!(system.database.count(held).await? <= 20, "a server that drains nothing holds its connections' worth");
    Ok(())
}
