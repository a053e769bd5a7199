use std::time::{Duration, Instant};

use e2e::{Fleet, System};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testkit::{SinkOptions, until, until_within};

const SLOW_SINK: SinkOptions = SinkOptions { answer_after_ms: 10, tls: None, login: None };

async fn until_taken(system: &System, wanted: usize) {
    until(&format!("the sink has taken {wanted}"), async || Ok(system.sink.accepted()?.len() >= wanted)).await;
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
