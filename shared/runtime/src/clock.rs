use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

/// The database's time between two looks at it: what it last said, plus what passed since by the monotonic clock.
#[derive(Debug, Clone, Default)]
pub struct DatabaseClock(Arc<Mutex<Option<Said>>>);

/// What the database said, and when by our monotonic clock.
type Said = (DateTime<Utc>, Instant);

impl DatabaseClock {
    pub fn set(&self, now: DateTime<Utc>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Instant::now()));
    }

    /// `None` until the database was asked once.
    pub fn now(&self) -> Option<DateTime<Utc>> {
        let (said, at) = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some(said + TimeDelta::from_std(at.elapsed()).unwrap_or_default())
    }
}
