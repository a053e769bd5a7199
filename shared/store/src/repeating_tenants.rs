use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::ids::TenantId;
use lru::LruCache;

const KEPT_MAX: NonZeroUsize = NonZeroUsize::new(1_000).expect("not zero");
/// Who retried a moment ago is likely to do so again: a statement that a repeated key refuses is done twice.
const KNOWN_FOR: Duration = Duration::from_secs(60);

/// Tenants that asked a moment ago for messages they had asked for before. Only which way is tried first hangs on it.
#[derive(Debug)]
pub(crate) struct RepeatingTenants(Mutex<LruCache<TenantId, Instant>>);

impl Default for RepeatingTenants {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(KEPT_MAX)))
    }
}

impl RepeatingTenants {
    pub(crate) fn knows(&self, tenant: TenantId) -> bool {
        self.lock().peek(&tenant).is_some_and(|noted| noted.elapsed() < KNOWN_FOR)
    }

    pub(crate) fn note(&self, tenant: TenantId) {
        self.lock().put(tenant, Instant::now());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<TenantId, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
