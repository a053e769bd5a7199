use std::ops::Deref;
use std::sync::Arc;

use limits::Limiter;
use queue::QueueLink;
use runtime::{DatabaseClock, Ids};
use store::Store;
use tokio::sync::Semaphore;

use crate::ApiOptions;
use crate::enqueue::Enqueuer;
use crate::extract::{KeyCache, RequestRates};
use crate::intake::Intake;
use crate::routes::contents::{KnownContents, WrittenContents};
use crate::routes::messages::KnownSenders;

/// What every request may use. Cloned several times for each, so only pointers.
#[derive(Clone)]
pub struct ApiState {
    shared: Arc<Shared>,
    /// For `/readyz` alone.
    pub(crate) health: Arc<Store>,
}

pub struct Shared {
    pub store: Store,
    pub queue: QueueLink,
    pub limits: Limiter,
    pub ids: Ids,
    pub clock: DatabaseClock,
    pub(crate) options: ApiOptions,
    pub(crate) enqueuer: Enqueuer,
    pub(crate) intake: Intake,
    pub(crate) keys: KeyCache,
    pub(crate) rates: RequestRates,
    pub(crate) senders: KnownSenders,
    pub(crate) contents: KnownContents,
    pub(crate) written: WrittenContents,
    /// Places for who watches: each is a connection to Redis.
    pub(crate) streams: Arc<Semaphore>,
    /// Places for checks of senders: each speaks to a server of a caller's choice.
    pub(crate) checks: Arc<Semaphore>,
}

const STREAMS_MAX: usize = 128;
const CHECKS_MAX: usize = 32;

impl ApiState {
    /// Called within a runtime: what comes together is gathered by a task of its own.
    pub fn new(store: Store, queue: QueueLink, ids: Ids, clock: DatabaseClock, options: ApiOptions) -> Self {
        let limits = Limiter::new(queue.link().clone());
        let enqueuer = Enqueuer::new(store.clone(), queue.clone(), limits.clone(), ids.clone(), clock.clone());
        let health = Arc::new(store.clone());
        let shared = Shared {
            store,
            queue,
            limits,
            ids,
            clock,
            keys: KeyCache::default(),
            rates: RequestRates::new(options.key_rate, options.redis_within),
            senders: KnownSenders::default(),
            contents: KnownContents::default(),
            written: WrittenContents::default(),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            checks: Arc::new(Semaphore::new(CHECKS_MAX)),
            intake: Intake::start(enqueuer.clone()),
            enqueuer,
            options,
        };
        Self { shared: Arc::new(shared), health }
    }

    /// Health is asked over a connection of its own: a pool that is all in use says nothing about Postgres.
    pub fn with_health(self, health: Store) -> Self {
        Self { health: Arc::new(health), ..self }
    }
}

impl Deref for ApiState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}
