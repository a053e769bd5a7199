use std::sync::{Arc, Mutex, PoisonError};

use limits::Limiter;
use queue::QueueLink;
use runtime::Ids;
use store::{Store, Term};

use crate::drain::MeasuredDrain;
use crate::reconcilers::{
    AddUpDailySends, AuditQueue, BeatPulse, ChargeCrashes, ExpireCommits, FeedMessages, ImportIngress, MeasureRooms,
    RescueMessages, ResolveUncertain, SweepSurface, WriteOffWorkers,
};
use crate::{Leadership, Reconciler};

/// What reconcilers work with.
#[derive(Clone)]
pub struct Parts {
    pub store: Store,
    pub queue: QueueLink,
    pub limits: Limiter,
    pub ids: Ids,
    pub leadership: Leadership,
    /// The queue that others push to with the stock apalis-redis, if there is one.
    pub(crate) ingress_queue: Option<String>,
    pub(crate) drain: Arc<MeasuredDrain>,
    in_step: Arc<Mutex<Option<Term>>>,
}

impl Parts {
    pub fn new(store: Store, queue: QueueLink, ids: Ids) -> Self {
        let leadership = Leadership::new(store.clone(), &ids);
        let limits = Limiter::new(queue.link().clone());
        Self {
            store,
            queue,
            limits,
            ids,
            leadership,
            ingress_queue: None,
            drain: Arc::default(),
            in_step: Arc::default(),
        }
    }

    /// With a queue that others push to.
    pub fn with_ingress(self, ingress_queue: Option<String>) -> Self {
        Self { ingress_queue, ..self }
    }

    /// The term in which Redis was seen to have Postgres's beat. Before that nothing that leads to a send may be done:
    /// it could be Postgres that went back in time.
    pub(crate) fn term_in_step(&self) -> Option<Term> {
        let in_step = *self.in_step.lock().unwrap_or_else(PoisonError::into_inner);
        self.leadership.term().filter(|term| in_step == Some(*term))
    }

    pub(crate) fn set_in_step(&self, term: Option<Term>) {
        *self.in_step.lock().unwrap_or_else(PoisonError::into_inner) = term;
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
        Arc::new(AddUpDailySends::new(parts.clone())),
        Arc::new(MeasureRooms::new(parts.clone())),
        Arc::new(ImportIngress::new(parts.clone(), parts.ingress_queue.clone())),
        Arc::new(SweepSurface::new(parts.clone())),
    ]
}
