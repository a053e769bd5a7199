//! Names of keys and channels. One hash tag for all, so that a script may touch any of them on a Cluster.

use std::fmt;

use domain::ids::{SenderId, TenantId};
use domain::jobs::PoolName;

/// The queue that messages are sent through.
const SEND: &str = "send";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    tag: String,
}

impl Default for Keys {
    fn default() -> Self {
        Self::with_tag("pf")
    }
}

impl Keys {
    /// Keys under another tag: a test, or a second fleet in one Redis.
    pub fn with_tag(tag: &str) -> Self {
        Self { tag: format!("{{{tag}}}") }
    }

    pub fn pulse(&self) -> String {
        format!("{}:pulse", self.tag)
    }

    pub fn window(&self) -> String {
        self.queue("window")
    }

    pub fn caps(&self) -> String {
        self.queue("caps")
    }

    pub fn backlog(&self) -> String {
        self.queue("backlog")
    }

    pub fn reserved(&self) -> String {
        self.queue("reserved")
    }

    pub fn reservations(&self) -> String {
        self.queue("reservations")
    }

    pub fn drained(&self) -> String {
        self.queue("drained")
    }

    /// Where producers and workers tell the feeder that a lane has rows, or that there is room.
    pub fn bell(&self) -> String {
        self.queue("bell")
    }

    /// Where idle workers of a pool listen for pushes.
    pub fn wake(&self, pool: &PoolName) -> String {
        self.pool(pool, "wake")
    }

    pub fn ready(&self, pool: &PoolName) -> [String; 3] {
        [0, 1, 2].map(|rank| self.pool(pool, &format!("ready:{rank}")))
    }

    pub fn pool(&self, pool: &PoolName, part: &str) -> String {
        format!("{}:pool:{pool}:{part}", self.tag)
    }

    /// Matches every key that a new generation clears: all but the pulse itself.
    pub fn cleared_patterns(&self) -> [String; 2] {
        [format!("{}:queue:*", self.tag), format!("{}:pool:*", self.tag)]
    }

    fn queue(&self, part: &str) -> String {
        format!("{}:queue:{SEND}:{part}", self.tag)
    }
}

/// A sender within its tenant, as written on the bell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LaneName {
    pub tenant: TenantId,
    pub sender: SenderId,
}

impl fmt::Display for LaneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.sender)
    }
}

impl std::str::FromStr for LaneName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (tenant, sender) = text.split_once('/').ok_or(())?;
        Ok(Self { tenant: tenant.parse().map_err(drop)?, sender: sender.parse().map_err(drop)? })
    }
}
