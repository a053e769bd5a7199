use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::ids::{AttemptId, MessageId, TenantId, WorkerId};
use limits::Limiter;
use providers::Egress;
use providers::smtp::{SmtpTimeouts, TlsRoots};
use queue::QueueLink;
use runtime::{Ids, Jitter, Keyring};
use store::Store;
use store::messages::{Expectation, OutcomeRow, OutcomeState};

use crate::commits::Commits;
use crate::live_events::LiveEvents;
use crate::outcomes::{Outcomes, Recorded};
use crate::senders::SenderPools;
use crate::templates::Templates;

/// Every outside thing a job may touch.
pub struct Context {
    pub store: Store,
    pub ids: Ids,
    pub jitter: Jitter,
    pub worker: WorkerId,
    pub limits: Limiter,
    pub commits: Commits,
    pub outcomes: Outcomes,
    pub senders: SenderPools,
    pub templates: Templates,
    pub live: LiveEvents,
    /// Where links in mails lead, without a slash at its end.
    pub public_url: String,
    /// To ring for lanes that have something to send. Tests may work without.
    pub queue: Option<QueueLink>,
    /// Sends past the point of no return, so that a stop that cannot wait for them can say what they are.
    in_commit: Mutex<HashMap<AttemptId, MessageId>>,
}

pub struct ContextOptions {
    pub keyring: Option<Keyring>,
    pub egress: Egress,
    pub roots: TlsRoots,
    pub hello: String,
    pub timeouts: SmtpTimeouts,
    /// SMTP connections of this process, over all senders.
    pub connections_max: usize,
    /// Where links in mails lead.
    pub public_url: String,
}

impl Context {
    pub fn new(
        store: Store,
        limits: Limiter,
        ids: Ids,
        jitter: Jitter,
        worker: WorkerId,
        queue: Option<QueueLink>,
        options: ContextOptions,
    ) -> Arc<Self> {
        Arc::new(Self {
            public_url: options.public_url.clone(),
            queue,
            commits: Commits::start(store.clone(), worker),
            outcomes: Outcomes::start(store.clone(), worker),
            senders: SenderPools::new(store.clone(), limits.clone(), worker, options),
            templates: Templates::new(store.clone()),
            live: LiveEvents::new(),
            in_commit: Mutex::default(),
            store,
            ids,
            jitter,
            worker,
            limits,
        })
    }

    /// Records what came of a try, and tells it to whoever watches.
    pub async fn record(&self, tenant: TenantId, row: OutcomeRow) {
        let (message, outcome, class) = (row.message, row.outcome, row.class);
        if self.outcomes.record(row).await == Recorded::Yes {
            self.live.tell(tenant, message, outcome, class);
        }
    }

    pub fn enter_commit(&self, attempt: AttemptId, message: MessageId) {
        self.in_commit.lock().unwrap_or_else(PoisonError::into_inner).insert(attempt, message);
    }

    pub fn leave_commit(&self, attempt: AttemptId) {
        self.in_commit.lock().unwrap_or_else(PoisonError::into_inner).remove(&attempt);
    }

    /// The stop cannot wait any longer: what may be on its way is shown as uncertain. Answers how many.
    pub async fn show_unanswered(&self, within: Duration) -> usize {
        let open: Vec<_> =
            self.in_commit.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(a, m)| (*a, *m)).collect();
        let shown = open.iter().map(|(attempt, message)| {
            self.outcomes.record(OutcomeRow {
                message: *message,
                place: None,
                expect: Expectation::Attempt(*attempt),
                state: OutcomeState::Uncertain,
                charged: true,
                outcome: "uncertain",
                phase: Some("final_dot"),
                class: Some("worker_stopped"),
                reply: None,
                suppress: None,
            })
        });
        let shown = tokio::time::timeout(within, futures::future::join_all(shown)).await.unwrap_or_default();
        shown.into_iter().filter(|recorded| *recorded == Recorded::Yes).count()
    }
}
