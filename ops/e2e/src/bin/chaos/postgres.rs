//! A private Postgres that is as durable as one in production, and can be crashed and brought back.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use testkit::{binaries, free_port, guard, system_user};

pub struct Postgres {
    server: Option<Child>,
    pub port: u16,
    folder: TempDir,
}

/// Recovery from a crash included.
const START_LIMIT: Duration = Duration::from_secs(60);
const SETTINGS: [&str; 6] = [
    "listen_addresses=127.0.0.1",
    "max_connections=200",
    "log_min_messages=warning",
    "fsync=on",
    "synchronous_commit=on",
    "full_page_writes=on",
];

impl Postgres {
    pub fn start() -> anyhow::Result<Self> {
        let user = system_user::unprivileged()?;
        let folder = tempfile::Builder::new().prefix("postfleet-chaos-pg-").tempdir()?;
        system_user::give(folder.path(), user.as_ref())?;
        let mut initdb = Command::new(binaries::find("initdb")?);
        initdb.args(["-U", "postfleet", "--auth=trust", "--encoding=UTF8", "--no-locale", "-D"]);
        initdb.arg(folder.path().join("data")).current_dir(folder.path());
        system_user::drop_privileges(&mut initdb, user.as_ref());
        let made = initdb.output().context("initdb did not start")?;
        ensure!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        let mut postgres = Self { server: None, port: free_port()?, folder };
        postgres.launch()?;
        Ok(postgres)
    }

    pub fn url(&self, port: u16) -> String {
        format!("postgres://postfleet@127.0.0.1:{port}/postgres")
    }

    /// SIGQUIT: every backend ends at once, nothing is written down, and recovery follows at the next start.
    pub fn crash(&mut self) -> anyhow::Result<()> {
        let mut server = self.server.take().context("Postgres is not running")?;
        kill(Pid::from_raw(server.id() as i32), Signal::SIGQUIT)?;
        server.wait()?;
        Ok(())
    }

    pub fn launch(&mut self) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(self.folder.path().join("postgres.log"))?;
        let mut server = Command::new(binaries::find("postgres")?);
        server.arg("-D").arg(self.folder.path().join("data")).args(["-p", &self.port.to_string(), "-k"]);
        server.arg(self.folder.path()).current_dir(self.folder.path());
        for setting in SETTINGS {
            server.args(["-c", setting]);
        }
        system_user::drop_privileges(&mut server, system_user::unprivileged()?.as_ref());
        let server = server.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        // The folder outlives a crash: the guard must not remove it.
        guard::watch(server.id(), Path::new("/nonexistent"))?;
        self.server = Some(server);
        let (ready, since) = (binaries::find("pg_isready")?, Instant::now());
        let port = self.port.to_string();
        while !Command::new(&ready).args(["-q", "-h", "127.0.0.1", "-p", &port]).status()?.success() {
            ensure!(since.elapsed() < START_LIMIT, "Postgres did not come up");
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.crash();
    }
}
