use std::sync::{Arc, PoisonError, RwLock};

use domain::ids::TenantId;
use domain::limits::{BucketKey, Channel, LimitBook};
use link::{BucketSpec, Link};

use crate::{LimitsError, Result};

/// The limits as one process sees them, and the buckets that the whole fleet shares; cheap to clone.
#[derive(Clone)]
pub struct Limiter {
    pub(crate) link: Link,
    /// None until it was read, because a default may be more than what somebody set.
    book: Arc<RwLock<Option<Adopted>>>,
}

/// A book, with its version in Postgres.
type Adopted = (i64, Arc<LimitBook>);

impl Limiter {
    pub fn new(link: Link) -> Self {
        Self { link, book: Arc::default() }
    }

    /// What holds, as last read.
    pub fn book(&self) -> Result<Arc<LimitBook>> {
        let book = self.book.read().unwrap_or_else(PoisonError::into_inner);
        book.as_ref().map(|(_, book)| Arc::clone(book)).ok_or(LimitsError::LimitsUnread)
    }

    pub fn version(&self) -> Option<i64> {
        self.book.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(version, _)| *version)
    }

    /// What holds from now on, in this process.
    pub fn adopt(&self, version: i64, book: LimitBook) {
        *self.book.write().unwrap_or_else(PoisonError::into_inner) = Some((version, Arc::new(book)));
    }

    pub(crate) fn spec(&self, book: &LimitBook, tenant: TenantId, bucket: BucketKey) -> BucketSpec {
        let limits = book.limits(Channel::Email, tenant, &bucket);
        BucketSpec { key: self.link.keys().bucket(Channel::Email, &bucket), bucket, limits }
    }
}

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limiter").field("link", &self.link).finish_non_exhaustive()
    }
}
