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
use crate::routes::contents::KnownContents;
use crate::routes::messages::KnownSenders;

/// What every request may use; cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    pub store: Store,
    /// For `/readyz` alone.
    pub(crate) health: Store,
    pub queue: QueueLink,
    pub limits: Limiter,
    pub ids: Ids,
    pub clock: DatabaseClock,
    pub(crate) options: Arc<ApiOptions>,
    pub(crate) enqueuer: Enqueuer,
    pub(crate) intake: Arc<Intake>,
    pub(crate) keys: Arc<KeyCache>,
    pub(crate) rates: Arc<RequestRates>,
    pub(crate) senders: Arc<KnownSenders>,
    pub(crate) contents: Arc<KnownContents>,
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
        Self {
            health: store.clone(),
            store,
            queue,
            limits,
            ids,
            clock,
            keys: Arc::default(),
            rates: Arc::new(RequestRates::new(options.key_rate, options.redis_within)),
            senders: Arc::default(),
            contents: Arc::default(),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            checks: Arc::new(Semaphore::new(CHECKS_MAX)),
            intake: Arc::new(Intake::start(enqueuer.clone())),
            enqueuer,
            options: Arc::new(options),
        }
    }

    /// Health is asked over a connection of its own: a pool that is all in use says nothing about Postgres.
    pub fn with_health(self, health: Store) -> Self {
        Self { health, ..self }
    }
}
