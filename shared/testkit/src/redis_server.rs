//! A private Redis that can be stalled, killed, emptied and rolled back.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::certificate::{CertificateFiles, ServerCertificate};
use crate::free_port::free_port;
use crate::{binaries, guard};

pub struct RedisServer {
    server: Option<Child>,
    port: u16,
    folder: TempDir,
    tls: Option<CertificateFiles>,
}

const START_LIMIT: Duration = Duration::from_secs(15);

impl RedisServer {
    /// With an append-only file, synced every second, as an operator would run it.
    pub fn start() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("postfleet-redis-").tempdir()?;
        let mut redis = Self { server: None, port: free_port()?, folder, tls: None };
        redis.launch()?;
        Ok(redis)
    }

    /// One that speaks TLS only, with this certificate.
    pub fn start_with_tls(certificate: &ServerCertificate) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("postfleet-redis-").tempdir()?;
        let tls = Some(certificate.written_to(folder.path())?);
        let mut redis = Self { server: None, port: free_port()?, folder, tls };
        redis.launch()?;
        Ok(redis)
    }

    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Where it listens: for a proxy to stand before it.
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// A connection of the test's own, to look and to meddle.
    pub fn client(&self) -> anyhow::Result<redis::Connection> {
        let client = match &self.tls {
            None => redis::Client::open(self.url())?,
            Some(files) => {
                let root_cert = Some(fs::read(&files.certificate)?);
                redis::Client::build_with_tls(self.url(), redis::TlsCertificates { client_tls: None, root_cert })?
            }
        };
        Ok(client.get_connection_with_timeout(Duration::from_secs(5))?)
    }

    /// Changes a setting of the running server.
    pub fn configure(&self, name: &str, value: &str) -> anyhow::Result<()> {
        Ok(redis::cmd("CONFIG").arg("SET").arg(name).arg(value).query(&mut self.client()?)?)
    }

    /// What it says about itself.
    pub fn info(&self, name: &str) -> anyhow::Result<Option<String>> {
        let info: redis::InfoDict = redis::cmd("INFO").query(&mut self.client()?)?;
        Ok(info.get(name))
    }

    /// From now on it takes no more than it holds already.
    pub fn fill_up(&self) -> anyhow::Result<()> {
        self.configure("maxmemory", "1mb")
    }

    pub fn make_room(&self) -> anyhow::Result<()> {
        self.configure("maxmemory", "0")
    }

    /// Stops answering, without closing anything.
    pub fn stall(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    pub fn go_on(&self) -> anyhow::Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// Ends at once, as by a crash.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::SIGKILL)?;
        if let Some(mut server) = self.server.take() {
            server.wait()?;
        }
        Ok(())
    }

    /// Comes back with what its files hold.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.launch()
    }

    /// A copy of everything it holds now.
    pub fn snapshot(&self) -> anyhow::Result<Vec<u8>> {
        let mut client = self.client()?;
        let _: () = redis::cmd("SAVE").query(&mut client)?;
        Ok(fs::read(self.file("dump.rdb"))?)
    }

    /// Kills it and brings it back as it was when the snapshot was taken.
    pub fn roll_back(&mut self, snapshot: &[u8]) -> anyhow::Result<()> {
        self.kill()?;
        self.forget()?;
        fs::write(self.file("dump.rdb"), snapshot)?;
        self.launch_with("no")
    }

    /// Kills it and brings it back with nothing.
    pub fn restart_empty(&mut self) -> anyhow::Result<()> {
        self.kill()?;
        self.forget()?;
        self.launch()
    }

    fn forget(&self) -> anyhow::Result<()> {
        let _ = fs::remove_file(self.file("dump.rdb"));
        let _ = fs::remove_dir_all(self.file("appendonlydir"));
        let _ = fs::remove_file(self.file("appendonly.aof"));
        Ok(())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn launch(&mut self) -> anyhow::Result<()> {
        self.launch_with("yes")
    }

    fn launch_with(&mut self, append_only: &str) -> anyhow::Result<()> {
        let log = fs::File::create(self.file("redis.log"))?;
        let mut server = Command::new(binaries::find("redis-server")?);
        match &self.tls {
            None => server.args(["--port", &self.port.to_string()]),
            Some(files) => server
                .args(["--port", "0", "--tls-port", &self.port.to_string(), "--tls-auth-clients", "no"])
                .args(["--tls-cert-file".as_ref(), files.certificate.as_os_str()])
                .args(["--tls-key-file".as_ref(), files.key.as_os_str()])
                .args(["--tls-ca-cert-file".as_ref(), files.certificate.as_os_str()]),
        };
        let server = server
            .args(["--bind", "127.0.0.1", "--save", "", "--daemonize", "no"])
            .args([
                "--appendonly",
                append_only,
                "--appendfsync",
                "everysec",
                "--maxmemory-policy",
                "noeviction",
                "--dir",
            ])
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("redis-server did not start")?;
        guard::watch(server.id(), &self.file("nothing-to-remove"))?;
        self.server = Some(server);
        let since = Instant::now();
        while since.elapsed() < START_LIMIT {
            let answered =
                self.client().ok().and_then(|mut client| redis::cmd("PING").query::<String>(&mut client).ok());
            if answered.is_some() {
                return Ok(());
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
        bail!("Redis did not come up: {}", fs::read_to_string(self.file("redis.log")).unwrap_or_default())
    }

    fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let server = self.server.as_ref().context("Redis is not running")?;
        Ok(kill(Pid::from_raw(server.id() as i32), signal)?)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if self.server.is_some() {
            let _ = self.go_on();
            let _ = self.kill();
        }
    }
}
