use std::sync::Arc;

use limits::Limiter;
use queue::QueueLink;
use runtime::{DatabaseClock, Ids};
use store::Store;

use crate::extract::KeyCache;
use crate::routes::messages::KnownSenders;

/// What every request may use; cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    pub store: Store,
    pub queue: QueueLink,
    pub limits: Limiter,
    pub ids: Ids,
    pub clock: DatabaseClock,
    pub(crate) keys: Arc<KeyCache>,
    pub(crate) senders: Arc<KnownSenders>,
}

impl ApiState {
    pub fn new(store: Store, queue: QueueLink, ids: Ids, clock: DatabaseClock) -> Self {
        let limits = Limiter::new(queue.link().clone());
        Self { store, queue, limits, ids, clock, keys: Arc::default(), senders: Arc::default() }
    }
}
