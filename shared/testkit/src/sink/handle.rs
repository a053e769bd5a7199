use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context;
use serde::Deserialize;
use tempfile::TempDir;

use super::log::{SinkEvent, read};
use super::rules::{Action, Moment, Rule};
use super::tls::CertificateFault;
use crate::binaries;

#[derive(Debug, Clone, Default)]
pub struct SinkOptions {
    pub answer_after_ms: u64,
    /// `starttls` or `implicit`.
    pub tls: Option<&'static str>,
    pub login: Option<&'static str>,
}

/// A sink process, ended with the value.
pub struct Sink {
    process: Child,
    pub smtp: SocketAddr,
    control: SocketAddr,
    folder: TempDir,
}

#[derive(Deserialize)]
struct Addresses {
    smtp: SocketAddr,
    control: SocketAddr,
}

impl Sink {
    pub fn start() -> anyhow::Result<Self> {
        Self::start_with(&SinkOptions::default())
    }

    pub fn start_with(options: &SinkOptions) -> anyhow::Result<Self> {
        Self::launch(options, &[])
    }

    /// One that shows a certificate with a fault.
    pub fn start_showing(fault: CertificateFault, options: &SinkOptions) -> anyhow::Result<Self> {
        let name = match fault {
            CertificateFault::Expired => "expired",
            CertificateFault::WrongHost => "wrong-host",
        };
        Self::launch(options, &["--certificate-fault", name])
    }

    fn launch(options: &SinkOptions, more: &[&str]) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("postfleet-sink-").tempdir()?;
        let mut command = Command::new(binaries::own("smtp-test-sink")?);
        command.arg("--log").arg(folder.path().join("log")).arg("--certificate").arg(folder.path().join("ca.pem"));
        command.args(["--answer-after-ms", &options.answer_after_ms.to_string()]);
        if let Some(tls) = options.tls {
            command.args(["--tls", tls]);
        }
        if let Some(login) = options.login {
            command.args(["--login", login]);
        }
        let mut process = command.args(more).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().context("a pipe")?).read_line(&mut line)?;
        let Addresses { smtp, control } = serde_json::from_str(&line).context("the sink did not come up")?;
        Ok(Self { process, smtp, control, folder })
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    pub fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// The certificate authority to trust, in PEM.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Adds a rule; it holds when this returns.
    pub fn rule(&self, at: Moment, to: Option<&str>, times: Option<u32>, action: Action) -> anyhow::Result<()> {
        self.tell(&serde_json::to_string(&Rule { at, to: to.map(str::to_owned), times, action })?)
    }

    pub fn clear_rules(&self) -> anyhow::Result<()> {
        self.tell("clear")
    }

    pub fn events(&self) -> anyhow::Result<Vec<SinkEvent>> {
        read(&self.log_file())
    }

    /// How often each message was taken.
    pub fn accepted(&self) -> anyhow::Result<HashMap<String, usize>> {
        accepted(&self.log_file())
    }

    /// From now on the names of header lines are in the log.
    pub fn keep_headers(&self) -> anyhow::Result<()> {
        self.tell("keep-headers")
    }

    /// How often something happened; `accepted`, or a moment at which a rule acted.
    pub fn times(&self, event: &str) -> anyhow::Result<usize> {
        Ok(self.events()?.iter().filter(|one| one.event == event).count())
    }

    /// How many mails it had in hand at once: asked for their content, and not answered yet.
    pub fn most_in_hand(&self) -> anyhow::Result<usize> {
        Ok(self.ask("most-in-hand")?.parse()?)
    }

    fn tell(&self, line: &str) -> anyhow::Result<()> {
        anyhow::ensure!(self.ask(line)? == "ok", "the sink refused {line}");
        Ok(())
    }

    fn ask(&self, line: &str) -> anyhow::Result<String> {
        let mut control = TcpStream::connect(self.control)?;
        writeln!(control, "{line}")?;
        let mut answer = String::new();
        BufReader::new(control).read_line(&mut answer)?;
        Ok(answer.trim_end().to_owned())
    }
}

/// How often each message id stands in a sink's log as taken.
pub fn accepted(log: &Path) -> anyhow::Result<HashMap<String, usize>> {
    let mut counts = HashMap::new();
    for event in read(log)?.into_iter().filter(|event| event.event == "accepted") {
        *counts.entry(event.message.unwrap_or_default()).or_default() += 1;
    }
    Ok(counts)
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
