use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testkit::{free_port, guard};
use tokio::process::{Child, Command};

use super::{Scrape, Stores};

/// For a stop in order.
const STOP_WITHIN: Duration = Duration::from_secs(40);

/// How our processes are started on a stack's services.
pub struct Processes {
    program: PathBuf,
    environment: Vec<(&'static str, String)>,
}

/// One of our processes, and where its metrics are.
pub struct Process {
    child: Child,
    pub ops: SocketAddr,
}

/// A worker that the stack itself started.
pub struct StackWorker {
    pub process: Process,
}

impl Processes {
    pub fn new(stores: &Stores) -> anyhow::Result<Self> {
        let environment = vec![
            ("DATABASE_URL", stores.database_url.clone()),
            ("REDIS_URL", stores.services.redis_url.clone()),
            ("POSTFLEET_REDIS_TAG", stores.redis_tag.clone()),
            ("POSTFLEET_SMTP_ALLOW_NETWORKS", "127.0.0.0/8".to_owned()),
            ("POSTFLEET_WORKER_CONNECTIONS", "512".to_owned()),
            // Counted, and never refused.
            ("POSTFLEET_API_KEY_RATE", "1000000/s,burst=1000000".to_owned()),
        ];
        Ok(Self { program: std::env::current_exe()?, environment })
    }

    pub fn api(&self) -> anyhow::Result<(Process, SocketAddr)> {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        Ok((self.start(&["api", "--api-listen", &address.to_string()])?, address))
    }

    pub fn orchestrator(&self, workers: u32) -> anyhow::Result<Process> {
        self.start(&["orchestrator", "--spawn", &workers.to_string()])
    }

    pub fn worker(&self) -> anyhow::Result<StackWorker> {
        Ok(StackWorker { process: self.start(&["worker"])? })
    }

    fn start(&self, arguments: &[&str]) -> anyhow::Result<Process> {
        let ops = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let child = Command::new(&self.program)
            .args(arguments)
            .envs(self.environment.iter().map(|(name, value)| (*name, value)))
            .env("POSTFLEET_OPS_LISTEN", ops.to_string())
            .env("POSTFLEET_LOG", std::env::var_os("POSTFLEET_LOG").unwrap_or_else(|| "error".into()))
            .stdin(std::process::Stdio::null())
            .spawn()?;
        guard::watch(child.id().context("it runs")?, Path::new("/nonexistent"))?;
        Ok(Process { child, ops })
    }
}

impl Process {
    /// `None` once it has ended.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    pub fn terminate(&self) -> anyhow::Result<()> {
        if let Some(pid) = self.child.id() {
            kill(Pid::from_raw(pid as i32), Signal::SIGTERM)?;
        }
        Ok(())
    }

    pub async fn ended(&mut self) -> anyhow::Result<()> {
        if tokio::time::timeout(STOP_WITHIN, self.child.wait()).await.is_err() {
            self.child.kill().await?;
        }
        Ok(())
    }
}

impl StackWorker {
    pub async fn scrape(&self) -> anyhow::Result<Scrape> {
        Scrape::of(self.process.ops).await
    }

    /// As if its machine had lost power.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.process.child.kill().await?)
    }
}
