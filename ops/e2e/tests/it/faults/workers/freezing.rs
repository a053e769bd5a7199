use std::cell::Cell;
use std::time::Duration;

use domain::ids::MessageId;
use domain::messages::MessageState;
use e2e::{Fleet, System};
use nix::sys::signal::Signal;
use testkit::{until, until_within};

use super::SLOW_SINK;

/// Twice a lease.
const FROZEN_FOR: Duration = Duration::from_secs(20);
const BEFORE_COMMIT: [&str; 4] =
    ["queue.after_claim", "worker.after_load", "worker.after_rcpt", "worker.before_commit"];
const AFTER_COMMIT: [&str; 3] = ["worker.after_commit", "smtp.before_content", "worker.before_record"];
const RECORDED: [&str; 1] = ["worker.before_settle"];

#[tokio::test]
async fn w9_workers_frozen_for_two_leases_at_every_phase_send_nothing_twice_when_they_wake_up() -> anyhow::Result<()> {
    let system = System::start().await?;
    let mut fleet = Fleet::on(&system);
    let mut awake = Vec::new();
    for point in BEFORE_COMMIT.into_iter().chain(AFTER_COMMIT).chain(RECORDED) {
        let worker = fleet.start_to(&["worker"], &format!("{point}=1*return(freeze)"))?;
        fleet.until_registered(worker, &system.database).await;
        awake.push((worker, point));
    }
    // One message after the other, each for whoever is still awake.
    let mut frozen: Vec<(usize, &str, MessageId)> = Vec::new();
    while !awake.is_empty() {
        let message = system.message("ann@recipients.example").await?;
        let at = Cell::new(0);
        until("a worker freezes", async || {
            at.set(awake.len());
            for (place, (worker, _)) in awake.iter().enumerate() {
                if fleet.froze(*worker)? {
                    at.set(place);
                }
            }
            Ok(at.get() < awake.len())
        })
        .await;
        let (worker, point) = awake.swap_remove(at.get());
        frozen.push((worker, point, message));
    }
    let since = std::time::Instant::now();
    fleet.start(&["worker"])?;
    let held =
        |point: &str| frozen.iter().find(|(_, of, _)| *of == point).map(|(_, _, message)| *message).expect("held");
    for point in BEFORE_COMMIT {
        until_within(Duration::from_secs(40), point, async || {
            Ok(system.state(held(point)).await? == MessageState::Accepted)
        })
        .await;
    }
    for point in AFTER_COMMIT {
        until_within(Duration::from_secs(40), point, async || {
            Ok(system.state(held(point)).await? == MessageState::Uncertain)
        })
        .await;
    }
    until("two leases have passed", async || Ok(since.elapsed() >= FROZEN_FOR)).await;
    assert_eq!(system.taken(held("worker.before_record"))?, 1, "it froze with the 250 in its hand");

    for (worker, _, _) in &frozen {
        fleet.signal(*worker, Signal::SIGCONT)?;
    }
    // A late acceptance wins. Whoever won the compare-and-set finds that its time is over, says that nothing left, and
    // somebody sends it now, or when its retry is due.
    let hurry = "UPDATE message_runs SET run_at = postfleet_now() WHERE state = 'scheduled'";
    for (_, point, message) in &frozen {
        until_within(Duration::from_secs(40), point, async || {
            sqlx::query(hurry).execute(&mut system.database.connection().await?).await?;
            Ok(system.state(*message).await? == MessageState::Accepted)
        })
        .await;
    }
    for (worker, point, _) in &frozen {
        fleet.signal(*worker, Signal::SIGTERM)?;
        let (status, _) = fleet.ended(*worker, Duration::from_secs(20)).await?;
        assert!(status.success(), "{point}: {status}");
    }
    assert_eq!(system.settle_and_judge().await?.get("accepted"), Some(&frozen.len()));
    Ok(())
}

#[tokio::test]
async fn w9_a_frozen_worker_that_wakes_up_after_it_was_written_off_sends_nothing_twice_under_load() -> anyhow::Result<()>
{
    let system = System::start_with(&SLOW_SINK).await?;
    let mut fleet = Fleet::on(&system);
    let frozen = fleet.start(&["worker"])?;
    system.build.scheduled(system.tenant, system.sender, 2_000).await?;
    until("it is at work", async || Ok(system.sink.accepted()?.len() >= 200)).await;
    fleet.signal(frozen, Signal::SIGSTOP)?;
    let _other = fleet.start(&["worker"])?;
    system.until_settled().await;
    fleet.signal(frozen, Signal::SIGCONT)?;
    until("the frozen one beats again", async || {
        Ok(system.database.count("SELECT count(*) FROM workers WHERE ended_at IS NULL").await? == 2)
    })
    .await;
    // It may still report what it knows for certain: that a mail was taken before it froze, or that no content went
    // out, and then somebody sends it now. It stops only when all is reported.
    fleet.signal(frozen, Signal::SIGTERM)?;
    let (status, _) = fleet.ended(frozen, Duration::from_secs(20)).await?;
    assert!(status.success(), "{status}");
    let counts = system.settle_and_judge().await?;
    let uncertain = counts.get("uncertain").copied().unwrap_or(0);
    assert_eq!(counts.get("accepted").copied().unwrap_or(0) + uncertain, 2_000, "{counts:?}");
    Ok(())
}
