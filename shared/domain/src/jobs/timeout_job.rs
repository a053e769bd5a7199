use super::PoolName;
use crate::ids::{JobId, TenantId, TimerId};

/// The pool of every tenant's timers.
pub const TIMEOUT_SHARED: &str = "timeout/shared";

/// Some due timers of one tenant, handed out together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeoutJob {
    pub id: JobId,
    pub pool: PoolName,
    pub tenant: TenantId,
    pub rows: Vec<TimerId>,
    /// A timer that once died with its worker goes alone.
    pub alone: bool,
}
