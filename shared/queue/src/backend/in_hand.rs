use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Lease;

/// What this process holds, by the number of each claim's turn and the place in it.
#[derive(Default)]
pub(crate) struct InHand {
    leases: Mutex<HashMap<(u64, usize), Lease>>,
    removed: Notify,
}

impl InHand {
    pub(crate) fn insert(&self, leases: &[Lease]) {
        self.lock().extend(leases.iter().map(|lease| (lease.number(), lease.clone())));
    }

    pub(crate) fn remove<'a>(&self, leases: impl Iterator<Item = &'a Lease>) {
        let mut held = self.lock();
        leases.for_each(|lease| drop(held.remove(&lease.number())));
        drop(held);
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

    /// The tokens that stand for all of it.
    pub(crate) fn tokens(&self) -> HashSet<Arc<str>> {
        self.lock().values().map(|lease| Arc::clone(lease.token())).collect()
    }

    /// What stands under these tokens is no longer ours, or all of it.
    pub(crate) fn lose(&self, tokens: Option<&HashSet<String>>) -> u64 {
        let held = self.lock();
        let lost = held.values().filter(|lease| tokens.is_none_or(|tokens| tokens.contains(&**lease.token())));
        lost.map(Lease::lose).count() as u64
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(u64, usize), Lease>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
