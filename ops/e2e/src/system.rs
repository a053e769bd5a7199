use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::{ApiOptions, ApiState};
use domain::ids::{MessageId, SenderId, TenantId};
use domain::keys::KeyRights;
use domain::limits::LimitTarget;
use domain::messages::MessageState;
use limits::Limiter;
use orchestrator::Parts;
use providers::Egress;
use providers::smtp::{SmtpTimeouts, TlsRoots};
use queue::{Keys, QueueLink};
use runtime::pulse::{adopt_pulse, watch_pulse};
use runtime::{DatabaseClock, Ids, Jitter, Keyring, Shutdown};
use store::{Store, StoreOptions};
use testkit::{Build, RedisServer, Sink, SinkOptions, TestDatabase, until};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use worker::{Context, ContextOptions, Worker, WorkerIdentity};

use crate::Client;

/// A tenant with a sender whose mail goes to a sink, an orchestrator, and as many workers as a test asks for.
pub struct System {
    pub database: TestDatabase,
    pub store: Store,
    pub redis: RedisServer,
    /// How workers, orchestrators and the API reach the stores: a test may put a proxy in between before it starts them.
    pub reach: Reach,
    pub queue: QueueLink,
    pub limits: Limiter,
    /// Those of every process of this system.
    limiters: Mutex<Vec<Limiter>>,
    pub sink: Sink,
    pub build: Build,
    pub ids: Ids,
    pub tenant: TenantId,
    pub sender: SenderId,
    pub shutdown: Shutdown,
}

/// URLs of the stores.
#[derive(Debug, Clone)]
pub struct Reach {
    pub database: String,
    pub redis: String,
}

/// How a test's worker differs from the usual one.
#[derive(Default)]
pub struct WorkerSetup {
    pub roots: TlsRoots,
    pub keyring: Option<Keyring>,
    /// Networks it may connect to; loopback where nothing is said.
    pub networks: Option<Vec<String>>,
    /// How long it waits for a server; shortly where nothing is said.
    pub timeouts: Option<SmtpTimeouts>,
}

pub struct WorkerHandle {
    pub shutdown: Shutdown,
    pub task: JoinHandle<anyhow::Result<()>>,
    pub context: Arc<Context>,
}

/// Short, so that a test of a server that hangs is short.
pub const SHORT_TIMEOUTS: SmtpTimeouts = SmtpTimeouts {
    connect: Duration::from_secs(2),
    hello: Duration::from_secs(2),
    envelope: Duration::from_secs(2),
    data: Duration::from_secs(2),
    final_dot: Duration::from_secs(2),
};

impl System {
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_with(&SinkOptions::default()).await
    }

    pub async fn start_with(sink: &SinkOptions) -> anyhow::Result<Self> {
        let system = Self::without_orchestrator(sink).await?;
        system.orchestrate()?;
        system.until_led().await;
        Ok(system)
    }

    pub async fn without_orchestrator(sink: &SinkOptions) -> anyhow::Result<Self> {
        Self::on(TestDatabase::create().await?, sink).await
    }

    /// Without an orchestrator, on a database of the test's own.
    pub async fn on(database: TestDatabase, sink: &SinkOptions) -> anyhow::Result<Self> {
        let (redis, sink) = (RedisServer::start()?, Sink::start_with(sink)?);
        let store = database.store.clone();
        let queue = QueueLink::connect(&redis.url(), Keys::default())?;
        let build = Build::new(&store);
        let tenant = build.tenant().await?;
        let sender = build.sender(tenant, sink.smtp).await?;
        // An installation that has been at work: where nothing was ever sent, buckets begin full.
        sqlx::query(
            "INSERT INTO daily_sends (day, tenant_id, sender_id, sent) VALUES (postfleet_now()::date - 2, $1, $2, 1)",
        )
        .bind(tenant.uuid())
        .bind(sender.uuid())
        .execute(&mut database.connection().await?)
        .await?;
        let (ids, shutdown) = (Ids::system(), Shutdown::default());
        let limits = Limiter::new(queue.link().clone());
        let reach = Reach { database: database.url.clone(), redis: redis.url() };
        Ok(Self {
            database,
            store,
            redis,
            reach,
            queue,
            limits,
            limiters: Mutex::default(),
            sink,
            build,
            ids,
            tenant,
            sender,
            shutdown,
        })
    }

    /// Starts an orchestrator that lives until the test ends, or until the answer is told to stop.
    pub fn orchestrate(&self) -> anyhow::Result<Shutdown> {
        self.orchestrate_with(None)
    }

    /// One that also takes in what others push to a queue.
    pub fn orchestrate_with(&self, ingress_queue: Option<String>) -> anyhow::Result<Shutdown> {
        let shutdown = Shutdown::default();
        let store = Store::connect(&self.reach.database, &StoreOptions::new("orchestrator"))?;
        let queue = QueueLink::connect(&self.reach.redis, Keys::default())?;
        let parts = Parts::new(store, queue, Ids::system()).with_ingress(ingress_queue);
        self.remember(&parts.limits);
        tokio::spawn(orchestrator::run(parts, None, shutdown.clone()));
        Ok(shutdown)
    }

    /// Waits until somebody leads and Redis has its generation.
    pub async fn until_led(&self) {
        until("somebody leads", async || {
            adopt_pulse(&self.store, &self.queue, &self.limits, &DatabaseClock::default()).await?;
            Ok(self.queue.audit(&domain::jobs::PoolName::send_shared()).await.is_ok())
        })
        .await;
    }

    pub fn work(&self) -> anyhow::Result<WorkerHandle> {
        self.work_with(WorkerSetup::default())
    }

    pub fn work_with(&self, setup: WorkerSetup) -> anyhow::Result<WorkerHandle> {
        let (id, shutdown) = (self.ids.next(), Shutdown::default());
        let connect = |name: &str| Store::connect(&self.reach.database, &StoreOptions::new(name));
        let networks = setup.networks.unwrap_or_else(|| vec!["127.0.0.0/8".to_owned()]);
        let options = ContextOptions {
            keyring: setup.keyring,
            egress: Egress::allowing(&networks)?,
            roots: setup.roots,
            hello: "worker.example".to_owned(),
            timeouts: setup.timeouts.unwrap_or(SHORT_TIMEOUTS),
            connections_max: 100,
            public_url: "https://mail.example".to_owned(),
        };
        let queue = QueueLink::connect(&self.reach.redis, Keys::default())?;
        let limits = Limiter::new(queue.link().clone());
        self.remember(&limits);
        let (ids, jitter) = (self.ids.clone(), Jitter::fixed(0.5));
        let context = Context::new(connect("worker")?, limits.clone(), ids, jitter, id, Some(queue.clone()), options);
        tokio::spawn(watch_pulse(
            self.store.clone(),
            queue.clone(),
            limits,
            DatabaseClock::default(),
            shutdown.clone(),
        ));
        let worker = Worker {
            identity: WorkerIdentity { id, name: "test-worker".to_owned(), host: "test".to_owned() },
            context: Arc::clone(&context),
            queue,
            heartbeat_store: connect("heartbeat")?,
            jobs_max: 32,
            drain: Duration::from_secs(5),
        };
        Ok(WorkerHandle { task: tokio::spawn(worker.run(shutdown.clone())), shutdown, context })
    }

    /// The API on a port of its own, and a client with a key of the system's tenant.
    pub async fn serve(&self) -> anyhow::Result<Client> {
        self.serve_with(ApiOptions::default()).await
    }

    pub async fn serve_with(&self, options: ApiOptions) -> anyhow::Result<Client> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (store, clock) =
            (Store::connect(&self.reach.database, &StoreOptions::new("api"))?, DatabaseClock::default());
        let queue = QueueLink::connect(&self.reach.redis, Keys::default())?;
        let state = ApiState::new(store, queue, self.ids.clone(), clock, options);
        self.remember(&state.limits);
        adopt_pulse(&state.store, &state.queue, &state.limits, &state.clock).await?;
        tokio::spawn(api::run(listener, state, self.shutdown.clone()));
        Ok(Client::new(url, self.key(self.tenant).await?))
    }

    pub async fn key(&self, tenant: TenantId) -> anyhow::Result<String> {
        self.build.key(tenant, KeyRights::full()).await
    }

    /// A key that may also do what concerns every tenant.
    pub async fn operator_key(&self) -> anyhow::Result<String> {
        self.build.key(self.tenant, KeyRights::operator()).await
    }

    /// Sets a limit, and waits until every process of this system goes by it.
    pub async fn limit(&self, target: LimitTarget, limits: &[&str]) -> anyhow::Result<()> {
        self.build.limit(target, limits).await?;
        let version = self.store.fleet().state().await?.limits_version;
        until("the limit holds everywhere", async || {
            let limiters = self.limiters.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(limiters.iter().all(|limiter| limiter.version() >= Some(version)))
        })
        .await;
        Ok(())
    }

    fn remember(&self, limits: &Limiter) {
        self.limiters.lock().unwrap_or_else(PoisonError::into_inner).push(limits.clone());
    }

    /// One message to `to`, scheduled and due.
    pub async fn message(&self, to: &str) -> anyhow::Result<MessageId> {
        let row = self.build.message(self.sender, to);
        self.store.messages().enqueue_messages(self.tenant, std::slice::from_ref(&row)).await?;
        Ok(row.id)
    }

    pub async fn state(&self, message: MessageId) -> anyhow::Result<MessageState> {
        let found = self.store.messages().find_message(self.tenant, message).await?;
        Ok(found.ok_or_else(|| anyhow::anyhow!("{message} is missing"))?.state)
    }

    pub async fn until_state(&self, message: MessageId, state: MessageState) {
        until(&format!("the message is {state}"), async || Ok(self.state(message).await? == state)).await;
    }

    /// Waits until no message is scheduled, queued or committing; as long as there are fewer every half minute.
    pub async fn until_settled(&self) {
        let unsettled = "SELECT count(*) FROM message_runs WHERE state IN ('scheduled', 'queued', 'committing')";
        let left = Cell::new(i64::MAX);
        while left.get() > 0 {
            let before = left.get();
            testkit::until_within(Duration::from_secs(30), "fewer are unsettled", || {
                let left = &left;
                async move {
                    left.set(self.database.count(unsettled).await?);
                    Ok(left.get() == 0 || left.get() < before)
                }
            })
            .await;
        }
    }

    /// Waits until the sink has taken so many messages.
    pub async fn until_taken(&self, wanted: usize) {
        until(&format!("the sink has taken {wanted}"), async || Ok(self.sink.accepted()?.len() >= wanted)).await;
    }

    /// How often the sink took a message.
    pub fn taken(&self, message: MessageId) -> anyhow::Result<usize> {
        Ok(self.sink.accepted()?.get(&message.to_string()).copied().unwrap_or(0))
    }
}

impl WorkerHandle {
    /// As on SIGTERM.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.shutdown.begin();
        tokio::time::timeout(Duration::from_secs(20), self.task).await??
    }
}

impl Drop for System {
    fn drop(&mut self) {
        self.shutdown.begin();
    }
}
