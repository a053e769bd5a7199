use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Lease;

/// The leases this process holds, by token.
#[derive(Default)]
pub(crate) struct InHand {
    leases: Mutex<HashMap<String, Lease>>,
    removed: Notify,
}

impl InHand {
    pub(crate) fn insert(&self, lease: &Lease) {
        self.lock().insert(lease.token().to_owned(), lease.clone());
    }

    pub(crate) fn remove(&self, lease: &Lease) {
        self.lock().remove(lease.token());
        self.removed.notify_waiters();
    }

    /// Waits until nothing is in hand.
    pub(crate) async fn emptied(&self) {
        loop {
            let removed = self.removed.notified();
            tokio::pin!(removed);
            removed.as_mut().enable();
            if self.lock().is_empty() {
                return;
            }
            removed.await;
        }
    }

    pub(crate) fn all(&self) -> Vec<Lease> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Lease>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
