//! A private Postgres.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::{ServerCertificate, binaries, guard, system_user};

/// How carefully it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// As in production: every commit reaches the disk.
    Real,
    /// For tests that do not kill it.
    Relaxed,
}

pub struct Postgres {
    server: Child,
    port: u16,
    folder: TempDir,
}

const START_LIMIT: Duration = Duration::from_secs(30);

impl Postgres {
    pub fn start(durability: Durability) -> anyhow::Result<Self> {
        Self::launch(durability, None)
    }

    /// One that speaks TLS only, with this certificate.
    pub fn start_with_tls(certificate: &ServerCertificate) -> anyhow::Result<Self> {
        Self::launch(Durability::Relaxed, Some(certificate))
    }

    fn launch(durability: Durability, tls: Option<&ServerCertificate>) -> anyhow::Result<Self> {
        let user = system_user::unprivileged()?;
        let folder = tempfile::Builder::new().prefix("postfleet-pg-").tempdir()?;
        system_user::give(folder.path(), user.as_ref())?;
        let data = folder.path().join("data");

        let mut initdb = Command::new(binaries::find("initdb")?);
        initdb
            .args(["-U", "postfleet", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", "-D"])
            .arg(&data);
        system_user::drop_privileges(&mut initdb, user.as_ref());
        let made = initdb.current_dir(folder.path()).output().context("initdb did not start")?;
        if !made.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        }

        let mut settings: Vec<String> = settings(durability).into_iter().map(str::to_owned).collect();
        if let Some(certificate) = tls {
            let files = certificate.written_to(folder.path())?;
            system_user::give(&files.certificate, user.as_ref())?;
            system_user::give(&files.key, user.as_ref())?;
            let rules =
                "local all all trust\nhostssl all all 127.0.0.1/32 trust\nhostnossl all all 127.0.0.1/32 reject\n";
            fs::write(data.join("pg_hba.conf"), rules)?;
            settings.push("ssl=on".to_owned());
            settings.push(format!("ssl_cert_file={}", files.certificate.display()));
            settings.push(format!("ssl_key_file={}", files.key.display()));
        }
        let port = free_port()?;
        let log = fs::File::create(folder.path().join("postgres.log"))?;
        let mut server = Command::new(binaries::find("postgres")?);
        server.arg("-D").arg(&data).args(["-p", &port.to_string(), "-k"]).arg(folder.path());
        for setting in &settings {
            server.args(["-c", setting]);
        }
        system_user::drop_privileges(&mut server, user.as_ref());
        let server = server
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("postgres did not start")?;
        guard::watch(server.id(), folder.path())?;
        let started = Self { server, port, folder };
        started.wait()?;
        Ok(started)
    }

    /// URL of a database in it.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postfleet@127.0.0.1:{}/{database}", self.port)
    }

    pub fn log_file(&self) -> PathBuf {
        self.folder.path().join("postgres.log")
    }

    fn wait(&self) -> anyhow::Result<()> {
        let ready = binaries::find("pg_isready")?;
        let since = Instant::now();
        while since.elapsed() < START_LIMIT {
            let answer = Command::new(&ready).args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]).status()?;
            if answer.success() {
                return Ok(());
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
        bail!("Postgres did not come up: {}", fs::read_to_string(self.log_file()).unwrap_or_default())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGINT is Postgres's fast shutdown.
        let _ = kill(Pid::from_raw(self.server.id() as i32), Signal::SIGINT);
        let _ = self.server.wait();
    }
}

fn settings(durability: Durability) -> Vec<&'static str> {
    let mut settings =
        vec!["listen_addresses=127.0.0.1", "max_connections=300", "shared_buffers=256MB", "log_min_messages=warning"];
    if durability == Durability::Relaxed {
        settings.extend(["fsync=off", "full_page_writes=off", "synchronous_commit=off"]);
    }
    settings
}

/// A port of loopback that nobody uses now.
pub fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
