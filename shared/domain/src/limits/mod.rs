//! How much may leave, per sender, tenant, recipient domain and in all. The arithmetic; Redis keeps the numbers.

mod book;
mod completion;
mod gcra;
mod grant;
mod limit;
mod refusal;
mod scope;
mod shortages;

pub use book::{LimitBook, LimitOverride, LimitTarget};
pub use completion::{Backlog, completes_in};
pub use gcra::Gcra;
pub use grant::{Grant, Taken, TokenReturn};
pub use limit::{InvalidLimit, LIMITS_MAX, Limit, LimitSet, Period, Rate};
pub use refusal::{LimitRefusal, RefusedBy};
pub use scope::{BucketKey, Channel, Scope};
pub use shortages::Shortages;

use std::time::Duration;

/// A grant is good for this long; older, its tokens go back and are asked for again.
pub const GRANT_GOOD_FOR: Duration = Duration::from_secs(5);

/// How long a provider's "not now" may park a bucket: nothing shorter is worth it, nothing longer is believed.
pub const PUSHBACK_MIN: Duration = Duration::from_secs(1);
pub const PUSHBACK_MAX: Duration = Duration::from_secs(15 * 60);
