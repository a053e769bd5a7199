use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

#[derive(Args, Debug, Clone)]
pub struct ApiConfig {
    /// Address of the HTTP API.
    #[arg(long, env = "POSTFLEET_API_LISTEN", default_value = "127.0.0.1:8080")]
    pub api_listen: SocketAddr,
    /// Requests of one API key over the whole fleet, like 500/s or 500/s,burst=1000; none: as many as come.
    #[arg(long, env = "POSTFLEET_API_KEY_RATE", default_value = "500/s,burst=1000")]
    pub api_key_rate: String,
    /// Simultaneous connections to this process.
    #[arg(long, env = "POSTFLEET_API_CONNECTIONS", default_value_t = 4_096, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub api_connections: u32,
}

/// How processes that speak SMTP do so.
#[derive(Args, Debug, Clone)]
pub struct SmtpConfig {
    /// Networks beside the public Internet that senders' SMTP hosts may be in, e.g. 10.1.0.0/16. Loopback and private
    /// networks are refused unless named here.
    #[arg(long, env = "POSTFLEET_SMTP_ALLOW_NETWORKS", value_delimiter = ',')]
    pub smtp_allow_networks: Vec<String>,
    /// PEM file with certificate authorities to trust beside the usual ones.
    #[arg(long, env = "POSTFLEET_SMTP_CA_FILE")]
    pub smtp_ca_file: Option<PathBuf>,
    /// Name given in EHLO.
    #[arg(long, env = "POSTFLEET_SMTP_HELLO")]
    pub smtp_hello: Option<String>,
}

/// Where links in mails lead.
#[derive(Args, Debug, Clone)]
pub struct LinksConfig {
    /// The API as recipients reach it, e.g. `https://mail.example.com`; links to unsubscribe begin with it. One-click
    /// unsubscribing needs https.
    #[arg(long, env = "POSTFLEET_PUBLIC_URL", default_value = "http://localhost:8080", value_parser = parse_public_url)]
    pub public_url: String,
}

#[derive(Args, Debug, Clone)]
pub struct WorkerConfig {
    /// Jobs this worker has in hand at once.
    #[arg(long, env = "POSTFLEET_WORKER_JOBS", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub worker_jobs: u32,
    /// SMTP connections this worker may have open, over all senders.
    #[arg(long, env = "POSTFLEET_WORKER_CONNECTIONS", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub worker_connections: u32,
    /// Seconds that sends past the point of no return may go on after a stop; the rest is shown as uncertain.
    #[arg(long, env = "POSTFLEET_WORKER_DRAIN_SECS", default_value_t = 25, value_parser = clap::value_parser!(u64).range(1..=900))]
    pub worker_drain_secs: u64,
    /// Stop when standard input closes: a supervisor holds its other end.
    #[arg(long, env = "POSTFLEET_STOP_WITH_PARENT", hide = true)]
    pub stop_with_parent: bool,
    /// The id of this run, where a supervisor chose it.
    #[arg(long, env = "POSTFLEET_WORKER_ID", hide = true)]
    pub worker_id: Option<String>,
}

impl WorkerConfig {
    pub fn drain(&self) -> Duration {
        Duration::from_secs(self.worker_drain_secs)
    }
}

#[derive(Args, Debug, Clone)]
pub struct OrchestratorConfig {
    /// Worker processes to start and keep running on this machine. 0: they are started by somebody else.
    #[arg(long, env = "POSTFLEET_SPAWN", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=64))]
    pub spawn: u32,
    /// Queue that other services push to with the stock apalis-redis, e.g. {pf}:ingress; what they push is moved into
    /// Postgres. Whoever may write to Redis may then send for any tenant.
    #[arg(long, env = "POSTFLEET_INGRESS_QUEUE", value_parser = parse_queue)]
    pub ingress_queue: Option<String>,
}

#[derive(Args, Debug, Clone)]
pub struct OpsConfig {
    /// Private address of /livez, /readyz and /metrics. Port 0 picks a free one.
    #[arg(long, env = "POSTFLEET_OPS_LISTEN", default_value = "127.0.0.1:0")]
    pub ops_listen: SocketAddr,
}

#[derive(Args, Debug, Clone)]
pub struct LogConfig {
    /// What to log, e.g. `info` or `info,queue=debug`.
    #[arg(long, env = "POSTFLEET_LOG", global = true)]
    pub log: Option<String>,
    /// How: text for people, json for machines.
    #[arg(long, env = "POSTFLEET_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text, global = true)]
    pub log_format: LogFormat,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

fn parse_public_url(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:/[]_~".contains(&byte));
    if !host.is_empty() && plain && text.len() <= 200 {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err("a public URL is like https://mail.example.com, at most 200 characters".to_owned())
    }
}

fn parse_queue(text: &str) -> Result<String, String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"{}:-_.".contains(&byte));
    // What is ours under a tag is cleared when a generation begins.
    let ours = ["queue", "pool", "bucket", "connections", "pulse", "api", "events"];
    let clashes = text.split_once("}:").is_some_and(|(_, rest)| ours.contains(&rest.split(':').next().unwrap_or("")));
    if (1..=100).contains(&text.len()) && plain && !clashes {
        Ok(text.to_owned())
    } else {
        Err("a queue has 1 to 100 letters, digits or { } : - _ . and is none of our own, e.g. {pf}:ingress".to_owned())
    }
}
