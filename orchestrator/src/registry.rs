use std::sync::Arc;

use queue::QueueLink;
use runtime::Ids;
use store::Store;

use crate::drain::MeasuredDrain;
use crate::reconcilers::{
    AuditQueue, BeatPulse, ChargeCrashes, ExpireCommits, FeedMessages, RescueMessages, ResolveUncertain,
    WriteOffWorkers,
};
use crate::{Leadership, Reconciler};

/// What reconcilers work with.
#[derive(Clone)]
pub struct Parts {
    pub store: Store,
    pub queue: QueueLink,
    pub ids: Ids,
    pub leadership: Leadership,
    pub(crate) drain: Arc<MeasuredDrain>,
}

impl Parts {
    pub fn new(store: Store, queue: QueueLink, ids: Ids) -> Self {
        let leadership = Leadership::new(store.clone(), &ids);
        Self { store, queue, ids, leadership, drain: Arc::default() }
    }
}

/// Every reconciler there is.
pub fn reconcilers(parts: &Parts) -> Vec<Arc<dyn Reconciler>> {
    vec![
        Arc::new(BeatPulse::new(parts.clone())),
        Arc::new(FeedMessages::new(parts.clone())),
        Arc::new(RescueMessages::new(parts.clone())),
        Arc::new(ChargeCrashes::new(parts.clone())),
        Arc::new(WriteOffWorkers::new(parts.clone())),
        Arc::new(ExpireCommits::new(parts.clone())),
        Arc::new(ResolveUncertain::new(parts.clone())),
        Arc::new(AuditQueue::new(parts.clone())),
    ]
}
