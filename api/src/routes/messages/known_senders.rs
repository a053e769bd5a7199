use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::ids::{SenderId, TenantId};
use lru::LruCache;
use tokio::time::Instant;

use crate::{ApiError, ApiState};

const REMEMBERED_FOR: Duration = Duration::from_secs(5);
const SENDERS_MAX: NonZeroUsize = NonZeroUsize::new(20_000).expect("not zero");

/// Senders that were found a moment ago. What is not found is not remembered: it may be created the next moment.
pub struct KnownSenders(Mutex<LruCache<(TenantId, SenderId), Instant>>);

impl Default for KnownSenders {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(SENDERS_MAX)))
    }
}

impl KnownSenders {
    /// Which of these the tenant may send from.
    pub async fn usable(state: &ApiState, tenant: TenantId, asked: &[SenderId]) -> Result<HashSet<SenderId>, ApiError> {
        let mut usable = HashSet::new();
        let mut unknown = Vec::new();
        {
            let mut kept = state.senders.0.lock().unwrap_or_else(PoisonError::into_inner);
            for id in asked {
                let fresh = kept.get(&(tenant, *id)).is_some_and(|at| at.elapsed() < REMEMBERED_FOR);
                if fresh {
                    usable.insert(*id);
                } else {
                    unknown.push(*id);
                }
            }
        }
        if !unknown.is_empty() {
            let found = state.store.senders().known(tenant, &unknown).await?;
            let mut kept = state.senders.0.lock().unwrap_or_else(PoisonError::into_inner);
            for sender in found.into_iter().filter(|sender| !sender.archived) {
                kept.put((tenant, sender.id), Instant::now());
                usable.insert(sender.id);
            }
        }
        Ok(usable)
    }
}
