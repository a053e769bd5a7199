//! The system under test: stores of its own behind wires that can be broken, three workers, two orchestrators, an API,
//! and a sink.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use domain::address::Address;
use domain::ids::{SenderId, WorkerId};
use domain::keys::KeyRights;
use sqlx::{Connection, PgConnection};
use store::{Store, StoreOptions};
use testkit::postgres::{Durability, Postgres};
use testkit::{Build, FaultProxy, RedisServer, Sink, SinkOptions, free_port, guard};
use tokio::sync::Mutex as AsyncMutex;

use crate::process::Process;
use crate::signals::Signals;

pub const WORKERS: usize = 3;
const ORCHESTRATORS: usize = 2;
const TENANTS: usize = 2;
const SENDERS_PER_TENANT: usize = 4;
const CONNECTIONS_PER_SENDER: u32 = 3;
pub const CONNECTIONS: u32 = (TENANTS * SENDERS_PER_TENANT) as u32 * CONNECTIONS_PER_SENDER;
const DATABASE: &str = "postgres";
const START_WITHIN: Duration = Duration::from_secs(60);

pub struct Arena {
    pub started: Instant,
    /// How many the run is to enqueue.
    pub messages: u32,
    /// Held by whatever breaks Postgres, and by who must be able to count.
    pub postgres: AsyncMutex<Postgres>,
    pub redis: AsyncMutex<RedisServer>,
    pub redis_url: String,
    pub sink: Sink,
    pub sink_answers_after: Duration,
    pub workers: Vec<AsyncMutex<Process>>,
    pub orchestrators: Vec<AsyncMutex<Process>>,
    pub api: AsyncMutex<Process>,
    /// Those of the workers, and those of everybody else.
    pub redis_wires: [FaultProxy; 2],
    pub postgres_wires: [FaultProxy; 2],
    pub database_url: String,
    pub api_url: String,
    pub senders: Vec<Sender>,
    pub signals: Signals,
    pub logs: PathBuf,
    doubts: Mutex<HashMap<String, &'static str>>,
    /// Old states of Redis, the newest last.
    pub snapshots: AsyncMutex<Vec<Vec<u8>>>,
}

/// An account that mail leaves from.
#[derive(Debug, Clone)]
pub struct Sender {
    pub id: SenderId,
    pub address: String,
    pub key: String,
}

impl Arena {
    pub async fn start(sink_answers_after: Duration, messages: u32) -> anyhow::Result<Self> {
        let start = || anyhow::Ok((Postgres::start(Durability::Real)?, RedisServer::start()?));
        let (postgres, redis) = tokio::task::block_in_place(start)?;
        let answer_after_ms = sink_answers_after.as_millis() as u64;
        let sink = Sink::start_with(&SinkOptions { answer_after_ms, ..SinkOptions::default() })?;
        guard::watch(sink.pid(), std::path::Path::new("/nonexistent"))?;
        let database_url = postgres.url(DATABASE);
        let redis_url = redis.url();
        let redis_address = redis_url.trim_start_matches("redis://").parse()?;
        let postgres_address = database_url.split(['@', '/']).nth(3).context("a URL has an address")?.parse()?;
        let wires = async |to| anyhow::Ok([FaultProxy::before(to).await?, FaultProxy::before(to).await?]);
        let (redis_wires, postgres_wires) = (wires(redis_address).await?, wires(postgres_address).await?);
        let logs = tempfile::Builder::new().prefix("postfleet-chaos-logs-").tempdir()?.keep();

        let api_listen = format!("127.0.0.1:{}", free_port()?);
        let environment = |wire: usize| {
            vec![
                ("DATABASE_URL", format!("postgres://postfleet@{}/{DATABASE}", postgres_wires[wire].address)),
                ("REDIS_URL", format!("redis://{}", redis_wires[wire].address)),
                ("POSTFLEET_SMTP_ALLOW_NETWORKS", "127.0.0.0/8".to_owned()),
                ("POSTFLEET_API_KEY_RATE", "none".to_owned()),
                ("POSTFLEET_OPS_LISTEN", "127.0.0.1:0".to_owned()),
                ("POSTFLEET_LOG", "info".to_owned()),
            ]
        };
        let mut migrate = Process::start("migrate", &["migrate"], &environment(1), &logs)?;
        ensure!(migrate.ended_well(START_WITHIN).await?, "the schema was not made; see {}", logs.display());
        let start = |name: &str, arguments: &[&str], wire: usize| {
            Process::start(name, arguments, &environment(wire), &logs).map(AsyncMutex::new)
        };
        let workers =
            (0..WORKERS).map(|at| start(&format!("worker-{at}"), &["worker"], 0)).collect::<Result<_, _>>()?;
        let orchestrators = (0..ORCHESTRATORS)
            .map(|at| start(&format!("orchestrator-{at}"), &["orchestrator", "--spawn", "0"], 1))
            .collect::<Result<_, _>>()?;
        let api = start("api", &["api", "--api-listen", &api_listen], 1)?;
        let senders = senders(&database_url, &sink).await?;
        let signals = Signals::watch(&sink.log_file(), &database_url);
        let arena = Self {
            started: Instant::now(),
            messages,
            postgres: AsyncMutex::new(postgres),
            redis: AsyncMutex::new(redis),
            redis_url,
            sink,
            sink_answers_after,
            workers,
            orchestrators,
            api,
            redis_wires,
            postgres_wires,
            database_url,
            api_url: format!("http://{api_listen}"),
            senders,
            signals,
            logs,
            doubts: Mutex::default(),
            snapshots: AsyncMutex::default(),
        };
        tokio::time::timeout(START_WITHIN, arena.until_ready()).await.context("the system did not come up")??;
        Ok(arena)
    }

    async fn until_ready(&self) -> anyhow::Result<()> {
        let store = Store::connect(&self.database_url, &StoreOptions::new("chaos").connections_max(1))?;
        loop {
            let api = reqwest::get(format!("{}/readyz", self.api_url)).await;
            if api.is_ok_and(|answer| answer.status().is_success())
                && store.workers().alive().await? >= WORKERS as i64
                && store.leaders().is_led().await?
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A connection past the wires.
    pub async fn connection(&self) -> anyhow::Result<PgConnection> {
        Ok(PgConnection::connect(&self.database_url).await?)
    }

    pub fn processes(&self) -> impl Iterator<Item = &AsyncMutex<Process>> {
        self.workers.iter().chain(&self.orchestrators).chain([&self.api])
    }

    /// Notes messages, by id or recipient, whose fate a fault has put in doubt: these, and no others, may end as uncertain.
    pub fn doubt(&self, messages: impl IntoIterator<Item = String>, why: &'static str) {
        let mut doubts = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
        for message in messages {
            doubts.entry(message).or_insert(why);
        }
    }

    pub fn doubts(&self) -> HashMap<String, &'static str> {
        self.doubts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How a process that nobody touched has ended.
    pub async fn ended_by_themselves(&self) -> anyhow::Result<Vec<String>> {
        let mut ended = Vec::new();
        for process in self.processes() {
            let mut process = process.lock().await;
            if let Some(status) = process.has_ended()? {
                ended.push(format!("{} ended by itself: {status}", process.name()));
                process.start_again()?;
            }
        }
        Ok(ended)
    }
}

/// Two tenants, so that one's mail could be found in the other's name. All limits are on, and out of reach.
async fn senders(database_url: &str, sink: &Sink) -> anyhow::Result<Vec<Sender>> {
    let store = Store::connect(database_url, &StoreOptions::new("chaos").connections_max(1))?;
    let build = Build::new(&store);
    let mut senders = Vec::new();
    for tenant in 0..TENANTS {
        let id = build.tenant().await?;
        let key = build.key(id, KeyRights::full()).await?;
        for at in 0..SENDERS_PER_TENANT {
            let address = format!("sender{at}@tenant{tenant}.example");
            let parsed = Address::parse(&address)?;
            let id = build
                .sender_with(id, sink.smtp, |new| {
                    new.address = parsed;
                    new.max_connections = CONNECTIONS_PER_SENDER;
                })
                .await?;
            senders.push(Sender { id, address, key: key.clone() });
        }
    }
    store.close().await;
    Ok(senders)
}

/// The name under which Postgres shows a worker's connections.
pub fn shown_as(worker: WorkerId) -> String {
    format!("postfleet {worker}")
}
