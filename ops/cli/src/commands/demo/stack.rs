use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use domain::address::Address;
use domain::ids::{SenderId, TenantId};
use domain::keys::ApiKey;
use domain::messages::resolve_uncertain::UncertainPolicy;
use domain::senders::TlsMode;
use migrations::Migrator;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use runtime::Ids;
use runtime::ids::secret_bytes;
use sea_orm_migration::MigratorTrait;
use sqlx::{Connection, Executor, PgConnection};
use store::{NewSender, Store, StoreOptions};
use testkit::database::with_database;
use testkit::postgres::Durability;
use testkit::{Services, Sink, SinkOptions, free_port, guard};
use tokio::process::{Child, Command};

const TENANTS: usize = 4;
const SENDERS_PER_TENANT: usize = 3;
const CONNECTIONS_PER_SENDER: u32 = 16;
/// What the sink takes to answer a final dot: a server on the Internet is rarely faster.
const SINK_ANSWERS_AFTER_MS: u64 = 10;
const START_WITHIN: Duration = Duration::from_secs(30);

/// A sender and the key of its tenant.
#[derive(Debug, Clone)]
pub struct DemoSender {
    pub id: SenderId,
    pub key: String,
}

/// Private services, our processes, and a sink.
pub struct Stack {
    pub services: Services,
    /// Whether Redis is ours alone: else only our own keys may be removed.
    pub own_redis: bool,
    pub database_url: String,
    pub store: Store,
    pub sink: Sink,
    pub senders: Vec<DemoSender>,
    api: Child,
    orchestrator: Child,
    api_address: SocketAddr,
    database: String,
}

/// Keys of the demo in Redis: never those of a fleet that uses the same one.
pub const REDIS_TAG: &str = "pf-demo";

impl Stack {
    pub async fn start(workers: u32) -> anyhow::Result<Self> {
        let own_redis = std::env::var_os("REDIS_URL").is_none_or(|url| url.is_empty());
        eprintln!("starting Postgres, Redis and an SMTP sink …");
        let services = tokio::task::spawn_blocking(|| Services::start(Durability::Real)).await??;
        let database = format!("postfleet_demo_{}", std::process::id());
        run_sql(&services.database_url, &format!("CREATE DATABASE {database}")).await?;
        let database_url = with_database(&services.database_url, &database)?;
        let store = Store::connect(&database_url, &StoreOptions::new("postfleet demo"))?;
        Migrator::up(store.orm(), None).await?;
        let options = SinkOptions { answer_after_ms: SINK_ANSWERS_AFTER_MS, ..SinkOptions::default() };
        let sink = Sink::start_with(&options)?;
        guard::watch(sink.pid(), Path::new("/nonexistent"))?;
        let senders = create_senders(&store, sink.smtp).await?;

        let api_address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let program = std::env::current_exe()?;
        let role = |arguments: &[&str]| {
            let mut command = Command::new(&program);
            command
                .args(arguments)
                .env("DATABASE_URL", &database_url)
                .env("REDIS_URL", &services.redis_url)
                .env("POSTFLEET_REDIS_TAG", REDIS_TAG)
                .env("POSTFLEET_LOG", std::env::var_os("POSTFLEET_LOG").unwrap_or_else(|| "error".into()))
                .stdin(std::process::Stdio::null());
            command
        };
        let api = role(&["api", "--api-listen", &api_address.to_string()]).spawn()?;
        let orchestrator = role(&["orchestrator", "--spawn", &workers.to_string()])
            .env("POSTFLEET_SMTP_ALLOW_NETWORKS", "127.0.0.0/8")
            .env("POSTFLEET_WORKER_CONNECTIONS", "512")
            .spawn()?;
        for child in [&api, &orchestrator] {
            guard::watch(child.id().context("it runs")?, Path::new("/nonexistent"))?;
        }
        let stack =
            Self { services, own_redis, database_url, store, sink, senders, api, orchestrator, api_address, database };
        tokio::time::timeout(START_WITHIN, stack.until_ready(i64::from(workers)))
            .await
            .context("the stack did not come up")??;
        Ok(stack)
    }

    pub fn api_url(&self) -> String {
        format!("http://{}", self.api_address)
    }

    async fn until_ready(&self, workers: i64) -> anyhow::Result<()> {
        let ready = format!("{}/readyz", self.api_url());
        loop {
            let api = reqwest::get(&ready).await.is_ok_and(|answer| answer.status().is_success());
            if api && self.store.workers().alive().await? >= workers {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Stops everything in order, and removes what was ours in services that were not.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        for child in [&mut self.orchestrator, &mut self.api] {
            if let Some(pid) = child.id() {
                kill(Pid::from_raw(pid as i32), Signal::SIGTERM)?;
            }
        }
        for child in [&mut self.orchestrator, &mut self.api] {
            if tokio::time::timeout(Duration::from_secs(40), child.wait()).await.is_err() {
                child.kill().await?;
            }
        }
        self.store.close().await;
        run_sql(&self.services.database_url, &format!("DROP DATABASE {} WITH (FORCE)", self.database)).await
    }
}

async fn create_senders(store: &Store, smtp: SocketAddr) -> anyhow::Result<Vec<DemoSender>> {
    let ids = Ids::system();
    let mut senders = Vec::new();
    for tenant_at in 0..TENANTS {
        let tenant: TenantId = ids.next();
        store.tenants().create(tenant, &format!("Demo tenant {tenant_at}"), UncertainPolicy::Show).await?;
        let key = ApiKey::new(ids.next(), secret_bytes());
        store.api_keys().create(tenant, &key, "demo").await?;
        for sender_at in 0..SENDERS_PER_TENANT {
            let id: SenderId = ids.next();
            let new = NewSender {
                id,
                address: Address::parse(&format!("sender{sender_at}@tenant{tenant_at}.example"))?,
                display_name: None,
                smtp_host: smtp.ip().to_string(),
                smtp_port: smtp.port(),
                tls_mode: TlsMode::None,
                credentials: None,
                max_connections: CONNECTIONS_PER_SENDER,
            };
            store.senders().create(tenant, new).await?;
            senders.push(DemoSender { id, key: key.reveal() });
        }
    }
    Ok(senders)
}

async fn run_sql(url: &str, sql: &str) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    connection.execute(sqlx::AssertSqlSafe(sql)).await?;
    Ok(connection.close().await?)
}
