use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::ids::ApiKeyId;
use lru::LruCache;
use runtime::Shutdown;
use store::{KeyOwner, Store};
use tokio::time::Instant;

/// A revoked key is refused everywhere within this time.
const REMEMBERED_FOR: Duration = Duration::from_secs(3);
const KEYS_MAX: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");
const NOTED_EVERY: Duration = Duration::from_secs(10);

/// Keys that were looked up a moment ago, and those that were used since it was last noted.
pub struct KeyCache {
    owners: Mutex<LruCache<ApiKeyId, (KeyOwner, Instant)>>,
    used: Mutex<HashSet<ApiKeyId>>,
}

impl Default for KeyCache {
    fn default() -> Self {
        Self { owners: Mutex::new(LruCache::new(KEYS_MAX)), used: Mutex::default() }
    }
}

impl KeyCache {
    pub fn get(&self, id: ApiKeyId) -> Option<KeyOwner> {
        let mut kept = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&id).filter(|(_, at)| at.elapsed() < REMEMBERED_FOR).map(|(owner, _)| owner.clone())
    }

    pub fn put(&self, id: ApiKeyId, owner: KeyOwner) {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner).put(id, (owner, Instant::now()));
    }

    pub fn used(&self, id: ApiKeyId) {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
    }

    /// Notes uses until shutdown, and once more then.
    pub async fn note_uses(&self, store: Store, shutdown: Shutdown) {
        loop {
            let stopping = tokio::select! {
                () = tokio::time::sleep(NOTED_EVERY) => false,
                () = shutdown.begun() => true,
            };
            let used: Vec<ApiKeyId> = self.used.lock().unwrap_or_else(PoisonError::into_inner).drain().collect();
            if !used.is_empty()
                && let Err(error) = store.api_keys().note_used(&used).await
            {
                tracing::debug!(error = &error as &dyn std::error::Error, "the use of keys was not noted");
            }
            if stopping {
                return;
            }
        }
    }
}
