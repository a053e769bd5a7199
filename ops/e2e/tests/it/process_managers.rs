//! The Procfile under the process managers that people use. Their stop waits about five seconds and then kills.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use e2e::System;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testkit::{SinkOptions, binaries, free_port, until};

const SLOW_SINK: SinkOptions = SinkOptions { answer_after_ms: 10, tls: None, login: None };
const MESSAGES: usize = 3_000;
const KILLED_AFTER: Duration = Duration::from_millis(4_500);

struct Manager(Child);

impl Manager {
    fn start(program: &str, system: &System) -> anyhow::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the workspace");
        let ours = binaries::own("postfleet")?;
        let path = std::env::join_paths(
            std::iter::once(ours.parent().expect("a folder").to_owned())
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
        )?;
        let child = Command::new(binaries::find(program)?)
            // Both would read a file .env beside the Procfile: somebody's own.
            .args(["start", "-e", "/dev/null"])
            .current_dir(root)
            .env("PATH", path)
            .env("DATABASE_URL", &system.database.url)
            .env("REDIS_URL", system.redis.url())
            .env("POSTFLEET_API_LISTEN", format!("127.0.0.1:{}", free_port()?))
            .env("POSTFLEET_SMTP_ALLOW_NETWORKS", "127.0.0.0/8")
            .env("POSTFLEET_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self(child))
    }

    /// As ^C or `systemctl stop` does; answers how long it took.
    async fn stop(&mut self) -> anyhow::Result<Duration> {
        let since = Instant::now();
        kill(Pid::from_raw(self.0.id() as i32), Signal::SIGTERM)?;
        while since.elapsed() < Duration::from_secs(30) {
            if self.0.try_wait()?.is_some() {
                return Ok(since.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::bail!("it did not stop")
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.0.id() as i32), Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

async fn up_and_down_under_load(program: &str) -> anyhow::Result<()> {
    let system = System::without_orchestrator(&SLOW_SINK).await?;
    system.build.scheduled(system.tenant, system.sender, MESSAGES).await?;
    let mut in_time = 0;
    for round in 1..=3 {
        let before = system.sink.accepted()?.len();
        let mut manager = Manager::start(program, &system)?;
        until(&format!("round {round} has sent some"), async || Ok(system.sink.accepted()?.len() >= before + 200))
            .await;
        // On a machine with other work a stop may take longer than they wait; then they kill, and that is another test's.
        if manager.stop().await? > KILLED_AFTER {
            continue;
        }
        in_time += 1;
        let open = "SELECT count(*) FROM message_runs WHERE state IN ('committing', 'uncertain')";
        assert_eq!(system.database.count(open).await?, 0, "round {round}");
        assert_eq!(system.store.workers().alive().await?, 0, "every worker signed off");
    }
    assert!(in_time > 0, "no stop was quick enough");
    let mut manager = Manager::start(program, &system)?;
    system.until_settled().await;
    manager.stop().await?;
    let counts = system.judge().await?;
    assert!(in_time < 3 || counts.get("accepted") == Some(&MESSAGES), "{counts:?}");
    Ok(())
}

#[tokio::test]
async fn under_honcho_nothing_is_lost_and_nothing_is_uncertain() -> anyhow::Result<()> {
    up_and_down_under_load("honcho").await
}

#[tokio::test]
async fn under_foreman_nothing_is_lost_and_nothing_is_uncertain() -> anyhow::Result<()> {
    up_and_down_under_load("foreman").await
}
