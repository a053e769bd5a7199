//! One of our own processes, which can be killed, frozen and started again.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use domain::ids::WorkerId;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use runtime::Ids;
use testkit::{binaries, guard};

pub struct Process {
    name: String,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
    logs: PathBuf,
    child: Child,
    /// New at every start.
    pub worker: WorkerId,
}

impl Process {
    pub fn start(
        name: &str,
        arguments: &[&str],
        environment: &[(&'static str, String)],
        logs: &Path,
    ) -> anyhow::Result<Self> {
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        let worker: WorkerId = Ids::system().next();
        let child = launch(name, &arguments, environment, logs, worker)?;
        let (name, environment, logs) = (name.to_owned(), environment.to_vec(), logs.to_owned());
        Ok(Self { name, arguments, environment, logs, child, worker })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn freeze(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    pub fn go_on(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// As if its machine had lost power.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    pub fn start_again(&mut self) -> anyhow::Result<()> {
        self.worker = Ids::system().next();
        self.child = launch(&self.name, &self.arguments, &self.environment, &self.logs, self.worker)?;
        Ok(())
    }

    /// How it ended by itself, which no fault of these may make it do.
    pub fn has_ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    pub fn terminate(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGTERM)
    }

    /// After `terminate`: whether it ended in order, and in time.
    pub async fn ended_well(&mut self, within: Duration) -> anyhow::Result<bool> {
        let since = Instant::now();
        while since.elapsed() < within {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.success());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.kill()?;
        Ok(false)
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        Ok(kill(Pid::from_raw(self.child.id() as i32), signal)?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

fn launch(
    name: &str,
    arguments: &[String],
    environment: &[(&'static str, String)],
    logs: &Path,
    worker: WorkerId,
) -> anyhow::Result<Child> {
    let log = File::options().create(true).append(true).open(logs.join(format!("{name}.log")))?;
    let child = Command::new(binaries::own("postfleet")?)
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (*name, value)))
        .env("POSTFLEET_WORKER_ID", worker.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()?;
    guard::watch(child.id(), Path::new("/nonexistent"))?;
    Ok(child)
}
