use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{JobId, MessageId, SenderId, TenantId};
use crate::limits::Grant;
use crate::messages::Priority;

/// Most rows one job may carry.
pub const JOB_ROWS_MAX: usize = 100;

/// A queue's share that some workers serve.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PoolName(String);

/// The pool of every sender that has no workers of its own.
pub const SEND_SHARED: &str = "send/shared";

impl PoolName {
    pub fn send_shared() -> Self {
        Self(SEND_SHARED.to_owned())
    }

    pub fn timeout_shared() -> Self {
        Self(super::TIMEOUT_SHARED.to_owned())
    }

    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PoolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Some due rows of one sender, handed out together.
///
/// Carries ids only: whoever reads Redis learns nobody's address, and whatever is lost with it stands in Postgres.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendJob {
    pub id: JobId,
    pub pool: PoolName,
    pub tenant: TenantId,
    pub sender: SenderId,
    pub priority: Priority,
    pub rows: Vec<MessageId>,
    /// A row that once died with its worker goes alone, and is written into the lease before it is handled.
    pub alone: bool,
    /// Tokens already taken for these rows. Who gets a job without one asks for them.
    pub grant: Option<Grant>,
}
