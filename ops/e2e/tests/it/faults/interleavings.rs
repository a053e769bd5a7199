//! Orders of events that chance would bring about once in a million sends.

use std::time::Duration;

use domain::ids::{MessageId, WorkerId};
use domain::jobs::PoolName;
use domain::limits::LimitTarget;
use domain::messages::MessageState;
use e2e::{Fleet, System};
use nix::sys::signal::Signal;
use sqlx::Connection;
use testkit::proxy::Fault;
use testkit::sink::{Action, Moment};
use testkit::{FaultProxy, SinkOptions, until, until_within};
use tokio::net::lookup_host;

/// A proxy before a system's Postgres, and the URL that goes through it.
pub(super) async fn proxy_to_postgres(system: &System) -> anyhow::Result<(FaultProxy, String)> {
    let (before, server) = system.database.url.split_once('@').expect("a URL with a user");
    let (server, after) = server.split_once('/').expect("a URL with a database");
    let target = lookup_host(server).await?.next().expect("an address");
    let proxy = FaultProxy::before(target).await?;
    let url = format!("{before}@{}/{after}", proxy.address);
    Ok((proxy, url))
}

/// A worker process of a known id, to be frozen with a message in its hands.
struct Frozen {
    place: usize,
    id: WorkerId,
}

impl Frozen {
    async fn start(system: &System, fleet: &mut Fleet, point: &str) -> anyhow::Result<Self> {
        Self::start_with(system, fleet, &[("FAILPOINTS", &format!("{point}=1*return(freeze)"))]).await
    }

    async fn start_with(system: &System, fleet: &mut Fleet, environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let id: WorkerId = system.ids.next();
        let name = id.to_string();
        let mut environment: Vec<(&str, &str)> = environment.to_vec();
        environment.push(("POSTFLEET_WORKER_ID", &name));
        let place = fleet.start_with(&["worker"], &environment)?;
        fleet.until_registered(place, &system.database).await;
        Ok(Self { place, id })
    }

    /// Somebody takes it for dead, as a supervisor might that lost sight of it: its job goes to another at once.
    async fn is_taken_for_dead(&self, system: &System) -> anyhow::Result<()> {
        assert_eq!(system.queue.forfeit(&PoolName::send_shared(), self.id).await?, 1, "it holds one job");
        Ok(())
    }

    async fn ends_well(&self, fleet: &mut Fleet) -> anyhow::Result<()> {
        fleet.signal(self.place, Signal::SIGTERM)?;
        let (status, _) = fleet.ended(self.place, Duration::from_secs(30)).await?;
        assert!(status.success(), "{status}");
        Ok(())
    }
}

async fn outcomes(system: &System, message: MessageId) -> anyhow::Result<Vec<String>> {
    let view = system.store.messages().find_message(system.tenant, message).await?.expect("stored");
    Ok(view.attempts.into_iter().map(|attempt| attempt.outcome).collect())
}

#[tokio::test]
async fn two_holders_of_one_job_that_both_lose_the_answer_to_their_compare_and_set_send_nothing_and_it_goes_once()
-> anyhow::Result<()> {
    let system = System::start().await?;
    let mut fleet = Fleet::on(&system);
    let (proxy, url) = proxy_to_postgres(&system).await?;
    // Few connections, over all of which the statement has gone before: then asking is one message, winning one answer.
    let freeze = format!("worker.before_commit={WARM}*off->1*return(freeze)");
    let environment =
        [("DATABASE_URL", url.as_str()), ("POSTFLEET_DATABASE_CONNECTIONS", "2"), ("FAILPOINTS", freeze.as_str())];
    let first = Frozen::start_with(&system, &mut fleet, &environment).await?;
    warm_up(&system).await?;
    let message = system.message("ann@recipients.example").await?;
    fleet.until_frozen(first.place).await;
    let second = Frozen::start_with(&system, &mut fleet, &environment).await?;
    warm_up(&system).await?;
    first.is_taken_for_dead(&system).await?;
    fleet.until_frozen(second.place).await;

    // Both ask now, and wait for the table until nobody can be told any more; then one of them wins.
    let mut connection = system.database.connection().await?;
    let mut hold = connection.begin().await?;
    sqlx::query("LOCK TABLE message_runs IN ACCESS EXCLUSIVE MODE").execute(&mut *hold).await?;
    fleet.signal(first.place, Signal::SIGCONT)?;
    fleet.signal(second.place, Signal::SIGCONT)?;
    until("both ask", async || Ok(workers_waiting(&system).await? == 2)).await;
    let before = proxy.done().replies_dropped;
    proxy.set(Fault { drop_replies: true, ..Fault::default() });
    hold.rollback().await?;
    system.until_state(message, MessageState::Committing).await;
    proxy.until_done("two answers were dropped", |now| now.replies_dropped >= before + 2).await;
    assert_eq!(system.taken(message)?, 0);
    proxy.set(Fault { refuse: true, ..Fault::default() });
    let connected = "SELECT count(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND application_name LIKE 'postfleet %'";
    until("all their connections are gone", async || Ok(system.database.count(connected).await? == 0)).await;
    proxy.heal();

    // It goes back, and then somebody is told of a win.
    until_within(Duration::from_secs(60), "it is sent", async || {
        Ok(system.state(message).await? == MessageState::Accepted)
    })
    .await;
    assert!(outcomes(&system, message).await?.iter().any(|outcome| outcome == "never_sent"));
    first.ends_well(&mut fleet).await?;
    second.ends_well(&mut fleet).await?;
    assert_eq!(system.settle_and_judge().await?.get("accepted"), Some(&(2 * WARM + 1)));
    Ok(())
}

#[tokio::test]
async fn an_unsubscribe_that_commits_while_the_compare_and_set_waits_for_it_wins() -> anyhow::Result<()> {
    let system = System::start().await?;
    let mut fleet = Fleet::on(&system);
    let worker = Frozen::start(&system, &mut fleet, "worker.before_commit").await?;
    let message = system.message("ann@recipients.example").await?;
    fleet.until_frozen(worker.place).await;

    // It holds the row, as an unsubscribe does that also cancels, and is not committed yet.
    let mut connection = system.database.connection().await?;
    let mut unsubscribe = connection.begin().await?;
    sqlx::query(
        "INSERT INTO suppressions (tenant_id, channel, address, reason, source)
         VALUES ($1, 'email', 'ann@recipients.example', 'unsubscribe', 'test')",
    )
    .bind(system.tenant.uuid())
    .execute(&mut *unsubscribe)
    .await?;
    sqlx::query("SELECT 1 FROM message_runs WHERE message_id = $1 FOR UPDATE")
        .bind(message.uuid())
        .execute(&mut *unsubscribe)
        .await?;
    fleet.signal(worker.place, Signal::SIGCONT)?;
    until("it has lost, and waits to hand the row back", async || Ok(workers_waiting(&system).await? == 1)).await;
    assert_eq!(system.state(message).await?, MessageState::Queued, "it was not won on an old snapshot");
    unsubscribe.commit().await?;

    system.until_state(message, MessageState::Suppressed).await;
    worker.ends_well(&mut fleet).await?;
    assert_eq!(system.taken(message)?, 0);
    assert_eq!(system.settle_and_judge().await?.get("suppressed"), Some(&1));
    Ok(())
}

const WARM: usize = 6;

/// Messages one after the other, for the one worker that is awake.
async fn warm_up(system: &System) -> anyhow::Result<()> {
    for _ in 0..WARM {
        let message = system.message("r@recipients.example").await?;
        system.until_state(message, MessageState::Accepted).await;
    }
    Ok(())
}

/// Statements of worker processes that wait for a lock in this system's database.
async fn workers_waiting(system: &System) -> anyhow::Result<i64> {
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name LIKE 'postfleet wrk%'";
    system.database.count(waiting).await
}

#[tokio::test]
async fn a_worker_frozen_between_compare_and_set_and_first_byte_sends_nothing_when_it_wakes_up_too_late()
-> anyhow::Result<()> {
    let system = System::start().await?;
    let mut fleet = Fleet::on(&system);
    for point in ["worker.after_commit", "smtp.before_content"] {
        let worker = Frozen::start(&system, &mut fleet, point).await?;
        let message = system.message("ann@recipients.example").await?;
        fleet.until_frozen(worker.place).await;
        assert_eq!(system.state(message).await?, MessageState::Committing, "{point}");
        // The first byte has to leave within five seconds.
        let too_late = "SELECT count(*) FROM message_runs WHERE state = 'committing'
                        AND committed_at < postfleet_now() - interval '5500 milliseconds'";
        until("its time is over", async || Ok(system.database.count(too_late).await? == 1)).await;
        fleet.signal(worker.place, Signal::SIGCONT)?;
        until("it says that it sent nothing", async || Ok(!outcomes(&system, message).await?.is_empty())).await;
        sqlx::query("UPDATE message_runs SET run_at = postfleet_now() WHERE state = 'scheduled'")
            .execute(&mut system.database.connection().await?)
            .await?;
        system.until_state(message, MessageState::Accepted).await;
        assert_eq!(system.taken(message)?, 1, "{point}: by a new compare-and-set, and once");
        worker.ends_well(&mut fleet).await?;
    }
    assert_eq!(system.settle_and_judge().await?.get("accepted"), Some(&2));
    Ok(())
}

#[tokio::test]
async fn a_late_250_wins_over_uncertain_and_is_nobody_elses() -> anyhow::Result<()> {
    let system = System::start().await?;
    let mut fleet = Fleet::on(&system);
    system.sink.rule(Moment::Dot, Some("ann@"), Some(1), Action::AcceptAfterMs(1_000))?;
    let worker = Frozen::start(&system, &mut fleet, "no.point").await?;
    let late = system.message("ann@recipients.example").await?;
    until("the sink has it", async || Ok(system.taken(late)? == 1)).await;
    // The 250 comes to a worker that stands still, and is written off meanwhile.
    fleet.signal(worker.place, Signal::SIGSTOP)?;
    system.until_state(late, MessageState::Uncertain).await;
    fleet.signal(worker.place, Signal::SIGCONT)?;
    system.until_state(late, MessageState::Accepted).await;

    system.sink.rule(Moment::Dot, Some("bob@"), Some(1), Action::Reply("554 5.7.1 no".to_owned()))?;
    let next = system.message("bob@recipients.example").await?;
    system.until_state(next, MessageState::Failed).await;
    let counts = system.settle_and_judge().await?;
    assert_eq!((counts.get("accepted"), counts.get("failed")), (Some(&1), Some(&1)));
    Ok(())
}

#[tokio::test]
async fn a_zombie_that_gives_back_rows_and_tokens_changes_nothing() -> anyhow::Result<()> {
    let system = System::without_orchestrator(&SinkOptions::default()).await?;
    // A new installation: its buckets begin full.
    sqlx::query("DELETE FROM daily_sends").execute(&mut system.database.connection().await?).await?;
    system.build.limit(LimitTarget::Sender(system.tenant, system.sender), &["1/h,burst=10"]).await?;
    system.orchestrate()?;
    system.until_led().await;
    let mut fleet = Fleet::on(&system);
    let zombie = Frozen::start(&system, &mut fleet, "worker.after_load").await?;
    system.build.scheduled(system.tenant, system.sender, 3).await?;
    fleet.until_frozen(zombie.place).await;
    zombie.is_taken_for_dead(&system).await?;
    // Its rows go to another, which asks for tokens of its own: six of ten are gone.
    let heir = fleet.start(&["worker"])?;
    until("the other one sends them", async || Ok(system.sink.accepted()?.len() == 3)).await;
    until("and settles their job", async || Ok(system.queue.audit(&PoolName::send_shared()).await?.jobs == 0)).await;

    // Young enough for its tokens to be returned, if it were the holder still.
    fleet.signal(zombie.place, Signal::SIGCONT)?;
    zombie.ends_well(&mut fleet).await?;
    let charged = "SELECT count(*) FROM message_runs WHERE state <> 'accepted' OR tries <> 1 OR crashes > 0";
    assert_eq!(system.database.count(charged).await?, 0, "no row went back");

    system.build.scheduled(system.tenant, system.sender, 6).await?;
    let open = "SELECT count(*) FROM message_runs WHERE state IN ('queued', 'committing')";
    let held = "SELECT count(*) FROM message_runs WHERE state = 'scheduled'";
    until("some leave and the others wait", async || {
        let (taken, held) = (system.sink.accepted()?.len(), system.database.count(held).await?);
        Ok(system.database.count(open).await? == 0 && taken > 3 && taken + held as usize == 9)
    })
    .await;
    assert!(system.sink.accepted()?.len() <= 7, "no token came back: ten less six were left");
    system.judge().await?;
    fleet.signal(heir, Signal::SIGTERM)?;
    Ok(())
}
