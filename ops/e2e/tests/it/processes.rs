use std::time::{Duration, Instant};

use domain::messages::MessageState;
use e2e::{Fleet, System};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testkit::sink::{Action, Moment};
use testkit::{SinkOptions, until, until_within};

const SLOW_SINK: SinkOptions = SinkOptions { answer_after_ms: 10, tls: None, login: None };

async fn until_taken(system: &System, wanted: usize) {
    until(&format!("the sink has taken {wanted}"), async || Ok(system.sink.accepted()?.len() >= wanted)).await;
}

#[tokio::test]
async fn sigterm_under_load_leaves_nothing_uncertain_and_exits_cleanly_within_five_seconds() -> anyhow::Result<()> {
    let system = System::start_with(&SLOW_SINK).await?;
    let mut fleet = Fleet::on(&system);
    system.build.scheduled(system.tenant, system.sender, 3_000).await?;
    for _ in 1..=3 {
        let before = system.sink.accepted()?.len();
        let worker = fleet.start(&["worker"])?;
        until_taken(&system, before + 200).await;
        fleet.signal(worker, Signal::SIGTERM)?;
        let (status, took) = fleet.ended(worker, Duration::from_secs(20)).await?;
        assert!(status.success(), "{status}");
        assert!(took < Duration::from_secs(5), "{took:?}");
        let open = "SELECT count(*) FROM message_runs WHERE state IN ('committing', 'uncertain')";
        assert_eq!(system.database.count(open).await?, 0);
    }
    let _last = fleet.start(&["worker"])?;
    system.until_settled().await;
    assert_eq!(system.judge().await?.get("accepted"), Some(&3_000));
    Ok(())
}

#[tokio::test]
async fn a_killed_worker_is_back_in_under_five_seconds_and_its_doubtful_rows_are_shown() -> anyhow::Result<()> {
    let system = System::without_orchestrator(&SLOW_SINK).await?;
    let mut fleet = Fleet::on(&system);
    fleet.start(&["orchestrator", "--spawn", "2"])?;
    system.until_led().await;
    until("both work", async || Ok(fleet.worker_pids(&system.database).await?.len() == 2)).await;
    system.build.scheduled(system.tenant, system.sender, 3_000).await?;
    for round in 1..=3 {
        until_taken(&system, round * 400).await;
        let before = fleet.worker_pids(&system.database).await?;
        kill(Pid::from_raw(before[0]), Signal::SIGKILL)?;
        let since = Instant::now();
        until_within(Duration::from_secs(5), "another worker is there", async || {
            let now = fleet.worker_pids(&system.database).await?;
            Ok(now.len() == 2 && !now.contains(&before[0]))
        })
        .await;
        assert!(since.elapsed() < Duration::from_secs(5));
    }
    system.until_settled().await;
    let counts = system.judge().await?;
    let (accepted, uncertain) =
        (counts.get("accepted").copied().unwrap_or(0), counts.get("uncertain").copied().unwrap_or(0));
    assert_eq!(accepted + uncertain, 3_000, "{counts:?}");
    assert!(uncertain <= 3 * 10, "no more than were in the victims' hands: {counts:?}");
    Ok(())
}

#[tokio::test]
async fn one_poison_row_among_a_hundred_ends_in_quarantine_and_the_others_are_sent_once() -> anyhow::Result<()> {
    let system = System::without_orchestrator(&SinkOptions::default()).await?;
    let mut fleet = Fleet::on(&system);
    fleet.start(&["orchestrator", "--spawn", "1"])?;
    system.until_led().await;
    // Whoever handles it dies: the sink holds its RCPT, and we kill the worker that waits there.
    system.sink.rule(Moment::Rcpt, Some("poison@"), None, Action::Hang)?;
    let mut rows: Vec<_> =
        (0..99).map(|at| system.build.message(system.sender, &format!("r{at}@recipients.example"))).collect();
    rows.insert(41, system.build.message(system.sender, "poison@recipients.example"));
    let poison = rows[41].id;
    system.store.messages().enqueue_messages(system.tenant, &rows).await?;

    let mut kills = 0;
    let since = Instant::now();
    while system.state(poison).await? != MessageState::Quarantined {
        assert!(since.elapsed() < Duration::from_secs(90), "not quarantined after {kills} kills");
        let hung = system.sink.events()?.iter().filter(|event| event.event == "rcpt").count();
        if hung > kills {
            kills = hung;
            for pid in fleet.worker_pids(&system.database).await? {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    system.until_settled().await;
    let counts = system.judge().await?;
    let shown = counts.get("accepted").copied().unwrap_or(0) + counts.get("uncertain").copied().unwrap_or(0);
    assert_eq!((shown, counts.get("quarantined")), (99, Some(&1)), "{counts:?}");
    assert!((3..=6).contains(&kills), "{kills} workers died of it");
    Ok(())
}

#[tokio::test]
async fn a_frozen_worker_that_wakes_up_after_it_was_written_off_sends_nothing_twice() -> anyhow::Result<()> {
    let system = System::start_with(&SLOW_SINK).await?;
    let mut fleet = Fleet::on(&system);
    let frozen = fleet.start(&["worker"])?;
    system.build.scheduled(system.tenant, system.sender, 2_000).await?;
    until_taken(&system, 200).await;
    fleet.signal(frozen, Signal::SIGSTOP)?;
    let _other = fleet.start(&["worker"])?;
    until_within(Duration::from_secs(60), "the other one does its work", async || {
        let open = "SELECT count(*) FROM message_runs WHERE state IN ('scheduled', 'queued', 'committing')";
        Ok(system.database.count(open).await? == 0)
    })
    .await;
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
    system.until_settled().await;
    let counts = system.judge().await?;
    let uncertain = counts.get("uncertain").copied().unwrap_or(0);
    assert_eq!(counts.get("accepted").copied().unwrap_or(0) + uncertain, 2_000, "{counts:?}");
    Ok(())
}
