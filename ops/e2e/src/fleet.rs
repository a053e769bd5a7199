use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use testkit::{TestDatabase, binaries, until};

use crate::System;

/// Real `postfleet` processes on a system's stores: to be killed.
pub struct Fleet {
    processes: Vec<Child>,
    environment: Vec<(&'static str, String)>,
    log: Option<PathBuf>,
}

impl Fleet {
    pub fn on(system: &System) -> Self {
        let environment = vec![
            ("DATABASE_URL", system.reach.database.clone()),
            ("REDIS_URL", system.reach.redis.clone()),
            ("POSTFLEET_SMTP_ALLOW_NETWORKS", "127.0.0.0/8".to_owned()),
            ("POSTFLEET_LOG", "error".to_owned()),
            ("POSTFLEET_OPS_LISTEN", "127.0.0.1:0".to_owned()),
        ];
        Self { processes: Vec::new(), environment, log: None }
    }

    /// Starts `postfleet` with these arguments; answers its place.
    pub fn start(&mut self, arguments: &[&str]) -> anyhow::Result<usize> {
        self.start_with(arguments, &[])
    }

    /// The same, with failpoints: what shall happen where (docs/adding-a-failpoint.md).
    pub fn start_to(&mut self, arguments: &[&str], failpoints: &str) -> anyhow::Result<usize> {
        self.start_with(arguments, &[("FAILPOINTS", failpoints)])
    }

    /// The same, with more in its environment.
    pub fn start_with(&mut self, arguments: &[&str], environment: &[(&str, &str)]) -> anyhow::Result<usize> {
        let process = Command::new(binaries::own("postfleet")?)
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (*name, value)))
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(self.log_end()?)
            .spawn()?;
        self.processes.push(process);
        Ok(self.processes.len() - 1)
    }

    /// Processes that are started from now on log everything there is into a file.
    pub fn log_everything_to(&mut self, file: &Path) {
        self.environment.retain(|(name, _)| *name != "POSTFLEET_LOG");
        self.environment.push(("POSTFLEET_LOG", "trace".to_owned()));
        self.log_to(file);
    }

    /// The same, of what they log anyway.
    pub fn log_to(&mut self, file: &Path) {
        self.log = Some(file.to_owned());
    }

    fn log_end(&self) -> anyhow::Result<Stdio> {
        Ok(match &self.log {
            Some(file) => File::options().create(true).append(true).open(file)?.into(),
            None => Stdio::inherit(),
        })
    }

    pub fn signal(&self, place: usize, signal: Signal) -> anyhow::Result<()> {
        Ok(kill(Pid::from_raw(self.pid(place)), signal)?)
    }

    pub fn pid(&self, place: usize) -> i32 {
        self.processes[place].id() as i32
    }

    /// Waits until a worker process has told that it lives.
    pub async fn until_registered(&self, place: usize, database: &TestDatabase) {
        until("the worker tells that it lives", async || {
            Ok(self.worker_pids(database).await?.contains(&self.pid(place)))
        })
        .await;
    }

    /// Whether a process was stopped (as by SIGSTOP) since it was last asked.
    pub fn froze(&self, place: usize) -> anyhow::Result<bool> {
        let options = WaitPidFlag::WUNTRACED | WaitPidFlag::WNOHANG;
        Ok(match waitpid(Pid::from_raw(self.pid(place)), Some(options))? {
            WaitStatus::Stopped(..) => true,
            WaitStatus::StillAlive => false,
            other => anyhow::bail!("it should have frozen: {other:?}"),
        })
    }

    /// Waits until a process stands still at its failpoint.
    pub async fn until_frozen(&self, place: usize) {
        until("it freezes", async || self.froze(place)).await;
    }

    /// Waits until a process has ended; answers how, and how long it took.
    pub async fn ended(&mut self, place: usize, within: Duration) -> anyhow::Result<(ExitStatus, Duration)> {
        let since = Instant::now();
        while since.elapsed() < within {
            if let Some(status) = self.processes[place].try_wait()? {
                return Ok((status, since.elapsed()));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        anyhow::bail!("the process did not end within {within:?}")
    }

    /// Processes of the workers that are known to live.
    pub async fn worker_pids(&self, database: &TestDatabase) -> anyhow::Result<Vec<i32>> {
        let pids = sqlx::query_scalar("SELECT pid FROM workers WHERE ended_at IS NULL ORDER BY id")
            .fetch_all(&mut database.connection().await?)
            .await?;
        Ok(pids)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
