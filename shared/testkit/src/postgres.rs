//! A private Postgres.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::free_port::free_port;
use crate::small_disk::SmallDisk;
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
    settings: Vec<String>,
    data: PathBuf,
    disk: Option<SmallDisk>,
    folder: TempDir,
}

/// A copy of everything it held.
pub struct BaseBackup(PathBuf);

const START_LIMIT: Duration = Duration::from_secs(30);

impl Postgres {
    pub fn start(durability: Durability) -> anyhow::Result<Self> {
        Self::launch(settings(durability), None, None)
    }

    /// One that speaks TLS only, with this certificate.
    pub fn start_with_tls(certificate: &ServerCertificate) -> anyhow::Result<Self> {
        Self::launch(settings(Durability::Relaxed), Some(certificate), None)
    }

    /// One that writes carefully, to a disk that a test can fill.
    pub fn start_on_small_disk(mebibytes: u32) -> anyhow::Result<Self> {
        let mut settings = settings(Durability::Real);
        settings.extend(["min_wal_size=2MB", "max_wal_size=8MB"].map(str::to_owned));
        Self::launch(settings, None, Some(mebibytes))
    }

    fn launch(mut settings: Vec<String>, tls: Option<&ServerCertificate>, disk: Option<u32>) -> anyhow::Result<Self> {
        let user = system_user::unprivileged()?;
        let folder = tempfile::Builder::new().prefix("postfleet-pg-").tempdir()?;
        system_user::give(folder.path(), user.as_ref())?;
        let disk = disk.map(|mebibytes| SmallDisk::mount(folder.path(), mebibytes)).transpose()?;
        let data = disk.as_ref().map_or(folder.path(), |disk| disk.path()).join("data");
        if let Some(disk) = &disk {
            system_user::give(disk.path(), user.as_ref())?;
        }

        let mut initdb = Command::new(binaries::find("initdb")?);
        initdb
            .args(["-U", "postfleet", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"])
            .args(disk.as_ref().map(|_| "--wal-segsize=1"))
            .arg("-D")
            .arg(&data);
        system_user::drop_privileges(&mut initdb, user.as_ref());
        let made = initdb.current_dir(folder.path()).output().context("initdb did not start")?;
        if !made.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        }

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
        let server = serve(&data, folder.path(), port, &settings)?;
        let started = Self { server, port, settings, data, disk, folder };
        started.wait()?;
        Ok(started)
    }

    /// Ends at once, as by a crash: nothing is flushed, whoever is connected is cut off.
    pub fn stop_immediately(&mut self) -> anyhow::Result<()> {
        // SIGQUIT is Postgres's immediate shutdown.
        let _ = kill(Pid::from_raw(self.server.id() as i32), Signal::SIGQUIT);
        self.server.wait()?;
        Ok(())
    }

    /// Comes back with what its files hold.
    pub fn start_again(&mut self) -> anyhow::Result<()> {
        self.server = serve(&self.data, self.folder.path(), self.port, &self.settings)?;
        self.wait()
    }

    /// As `pg_ctl restart -m immediate`.
    pub fn restart_immediately(&mut self) -> anyhow::Result<()> {
        self.stop_immediately()?;
        self.start_again()
    }

    /// Kills the process that serves one connection, as the kernel would. All others are cut off by Postgres itself.
    pub fn kill_backend(&self, pid: i32) -> anyhow::Result<()> {
        Ok(kill(Pid::from_raw(pid), Signal::SIGKILL)?)
    }

    pub fn is_running(&mut self) -> anyhow::Result<bool> {
        Ok(self.server.try_wait()?.is_none())
    }

    /// The disk of one that was started on a small one.
    pub fn disk(&self) -> anyhow::Result<&SmallDisk> {
        self.disk.as_ref().context("it has no disk of its own")
    }

    pub fn base_backup(&self) -> anyhow::Result<BaseBackup> {
        let to = self.folder.path().join(format!("backup-{}", fs::read_dir(self.folder.path())?.count()));
        let mut backup = Command::new(binaries::find("pg_basebackup")?);
        backup
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postfleet"])
            .args(["--checkpoint=fast", "--wal-method=stream", "--no-sync", "-D"])
            .arg(&to);
        system_user::drop_privileges(&mut backup, system_user::unprivileged()?.as_ref());
        let made = backup.current_dir(self.folder.path()).output().context("pg_basebackup did not start")?;
        if !made.status.success() {
            bail!("pg_basebackup failed: {}", String::from_utf8_lossy(&made.stderr));
        }
        Ok(BaseBackup(to))
    }

    /// Ends at once and comes back as it was when the backup was taken.
    pub fn go_back_to(&mut self, backup: BaseBackup) -> anyhow::Result<()> {
        self.stop_immediately()?;
        fs::remove_dir_all(&self.data)?;
        fs::rename(backup.0, &self.data)?;
        self.start_again()
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

fn serve(data: &Path, folder: &Path, port: u16, settings: &[String]) -> anyhow::Result<Child> {
    let log = fs::File::options().create(true).append(true).open(folder.join("postgres.log"))?;
    let mut server = Command::new(binaries::find("postgres")?);
    server.arg("-D").arg(data).args(["-p", &port.to_string(), "-k"]).arg(folder);
    for setting in settings {
        server.args(["-c", setting]);
    }
    system_user::drop_privileges(&mut server, system_user::unprivileged()?.as_ref());
    let server = server
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("postgres did not start")?;
    guard::watch(server.id(), folder)?;
    Ok(server)
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGINT is Postgres's fast shutdown.
        let _ = kill(Pid::from_raw(self.server.id() as i32), Signal::SIGINT);
        let _ = self.server.wait();
    }
}

fn settings(durability: Durability) -> Vec<String> {
    let mut settings =
        vec!["listen_addresses=127.0.0.1", "max_connections=300", "shared_buffers=256MB", "log_min_messages=warning"];
    if durability == Durability::Relaxed {
        settings.extend(["fsync=off", "full_page_writes=off", "synchronous_commit=off"]);
    }
    settings.into_iter().map(str::to_owned).collect()
}
