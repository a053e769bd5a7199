use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use limits::Limiter;
use queue::QueueLink;
use runtime::Ids;
use store::{FleetSigns, Store, Term};
use tokio::time::Instant;

use crate::drain::MeasuredDrain;
use crate::reconcilers::{
    AddUpDailySends, AuditQueue, BeatPulse, ChargeCrashes, ExpireCommits, FeedMessages, FeedTimers, ImportIngress,
    MeasureRooms, RescueMessages, RescueTimers, ResolveUncertain, SortCampaigns, SweepSurface, WriteOffWorkers,
};
use crate::{Leadership, Reconciler};

/// A beat, and some time for it to be late.
const SIGNS_HOLD: Duration = Duration::from_millis(1_500);

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
    signs: Arc<Mutex<Option<(Instant, FleetSigns)>>>,
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
            signs: Arc::default(),
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

    /// Whether a look is worth it: the last beat saw something, or is too old to say.
    pub(crate) fn may_find(&self, something: impl FnOnce(FleetSigns) -> bool) -> bool {
        self.signs().is_none_or(something)
    }

    /// What the last beat saw, while it says anything about this moment.
    pub(crate) fn signs(&self) -> Option<FleetSigns> {
        let seen = *self.signs.lock().unwrap_or_else(PoisonError::into_inner);
        seen.filter(|(at, _)| at.elapsed() < SIGNS_HOLD).map(|(_, signs)| signs)
    }

    pub(crate) fn see(&self, at: Instant, signs: FleetSigns) {
        *self.signs.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, signs));
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
        Arc::new(FeedTimers::new(parts.clone())),
        Arc::new(RescueMessages::new(parts.clone())),
        Arc::new(RescueTimers::new(parts.clone())),
        Arc::new(SortCampaigns::new(parts.clone())),
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
