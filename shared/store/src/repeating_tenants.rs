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
    pub(crate) fn knows(&self, tenant: TenantId, now: Instant) -> bool {
        self.lock().peek(&tenant).is_some_and(|noted| now.duration_since(*noted) < KNOWN_FOR)
    }

    pub(crate) fn note(&self, tenant: TenantId, now: Instant) {
        self.lock().put(tenant, now);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<TenantId, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn who_repeated_is_known_for_a_minute_and_nobody_else_is() {
        let (repeating, now) = (RepeatingTenants::default(), Instant::now());
        let (one, other) = (TenantId(Uuid::from_u128(1)), TenantId(Uuid::from_u128(2)));
        assert!(!repeating.knows(one, now));
        repeating.note(one, now);
        assert!(repeating.knows(one, now + KNOWN_FOR / 2));
        assert!(!repeating.knows(other, now));
        assert!(!repeating.knows(one, now + KNOWN_FOR));
    }
}
