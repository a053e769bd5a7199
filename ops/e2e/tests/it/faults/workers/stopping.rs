use std::time::Duration;

use domain::messages::MessageState;
use e2e::{Fleet, System};
use nix::sys::signal::Signal;
use testkit::sink::{Action, Moment};
use testkit::until;

use super::SLOW_SINK;

#[tokio::test]
async fn w11_sigterm_under_load_leaves_nothing_uncertain_and_exits_cleanly_within_five_seconds() -> anyhow::Result<()> {
    let system = System::start_with(&SLOW_SINK).await?;
    let mut fleet = Fleet::on(&system);
    system.build.scheduled(system.tenant, system.sender, 3_000).await?;
    for _ in 1..=3 {
        let before = system.sink.accepted()?.len();
        let worker = fleet.start(&["worker"])?;
        until("it is at work", async || Ok(system.sink.accepted()?.len() >= before + 200)).await;
        fleet.signal(worker, Signal::SIGTERM)?;
        let (status, took) = fleet.ended(worker, Duration::from_secs(20)).await?;
        assert!(status.success(), "{status}");
        assert!(took < Duration::from_secs(5), "{took:?}");
        let open = "SELECT count(*) FROM message_runs WHERE state IN ('committing', 'uncertain')";
        assert_eq!(system.database.count(open).await?, 0);
    }
    let _last = fleet.start(&["worker"])?;
    assert_eq!(system.settle_and_judge().await?.get("accepted"), Some(&3_000));
    Ok(())
}

#[tokio::test]
async fn w11_an_idle_worker_stops_at_once_and_one_in_the_middle_of_a_mail_waits_for_its_answer() -> anyhow::Result<()> {
    let system = System::start().await?;
    let mut fleet = Fleet::on(&system);
    let idle = fleet.start(&["worker"])?;
    fleet.until_registered(idle, &system.database).await;
    fleet.signal(idle, Signal::SIGTERM)?;
    let (status, took) = fleet.ended(idle, Duration::from_secs(20)).await?;
    assert!(status.success() && took < Duration::from_secs(3), "{status} after {took:?}");

    // In the middle: one before the point of no return, one behind it.
    system.sink.rule(Moment::Dot, Some("ann@"), Some(1), Action::AcceptAfterMs(2_000))?;
    system.sink.rule(Moment::Rcpt, Some("bob@"), Some(1), Action::Hang)?;
    let worker = fleet.start(&["worker"])?;
    let (behind, before) =
        (system.message("ann@recipients.example").await?, system.message("bob@recipients.example").await?);
    until("both are in its hands", async || Ok(system.taken(behind)? == 1 && system.sink.times("rcpt")? == 1)).await;
    fleet.signal(worker, Signal::SIGTERM)?;
    let (status, _) = fleet.ended(worker, Duration::from_secs(20)).await?;
    assert!(status.success(), "{status}");
    assert_eq!(system.state(behind).await?, MessageState::Accepted);
    assert_eq!(system.taken(before)?, 0);
    fleet.start(&["worker"])?;
    assert_eq!(system.settle_and_judge().await?.get("accepted"), Some(&2));
    Ok(())
}

#[tokio::test]
async fn w11_a_server_that_never_answers_holds_a_stop_up_for_the_drain_and_a_second_signal_not_even_that()
-> anyhow::Result<()> {
    let system = System::start().await?;
    let mut fleet = Fleet::on(&system);
    system.sink.rule(Moment::Dot, None, Some(2), Action::AcceptAfterMs(600_000))?;
    let patient = fleet.start_with(&["worker"], &[("POSTFLEET_WORKER_DRAIN_SECS", "2")])?;
    let first = system.message("ann@recipients.example").await?;
    until("it waits for the answer", async || Ok(system.taken(first)? == 1)).await;
    fleet.signal(patient, Signal::SIGTERM)?;
    let (status, took) = fleet.ended(patient, Duration::from_secs(20)).await?;
    assert!(status.success() && took >= Duration::from_secs(2), "{status} after {took:?}");
    assert_eq!(system.state(first).await?, MessageState::Uncertain, "shown before it left");

    let hurried = fleet.start_with(&["worker"], &[("POSTFLEET_WORKER_DRAIN_SECS", "600")])?;
    fleet.until_registered(hurried, &system.database).await;
    let second = system.message("bob@recipients.example").await?;
    until("it waits for the answer", async || Ok(system.taken(second)? == 1)).await;
    fleet.signal(hurried, Signal::SIGTERM)?;
    let draining = "SELECT count(*) FROM workers WHERE state = 'draining'";
    until("it drains", async || Ok(system.database.count(draining).await? == 1)).await;
    fleet.signal(hurried, Signal::SIGTERM)?;
    let (status, _) = fleet.ended(hurried, Duration::from_secs(20)).await?;
    assert_eq!(status.code(), Some(130));
    let counts = system.settle_and_judge().await?;
    assert_eq!(counts.get("uncertain"), Some(&2), "{counts:?}");
    Ok(())
}
