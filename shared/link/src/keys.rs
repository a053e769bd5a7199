//! Names of keys and channels. One hash tag for all, so that a script may touch any of them on a Cluster.

use domain::ids::{ApiKeyId, SenderId, TenantId};
use domain::jobs::PoolName;
use domain::limits::{BucketKey, Channel};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    tag: String,
    queue: QueueName,
}

/// Which queue's window, bell and books are meant. Pools, buckets and the pulse are the same in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueueName {
    /// Messages.
    #[default]
    Send,
    /// Timers.
    Timeout,
}

impl QueueName {
    fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Timeout => "timeout",
        }
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self::with_tag("pf")
    }
}

impl Keys {
    /// Keys under another tag: a test, or a second fleet in one Redis.
    pub fn with_tag(tag: &str) -> Self {
        Self { tag: format!("{{{tag}}}"), queue: QueueName::default() }
    }

    /// The same keys for another queue.
    pub fn of_queue(&self, queue: QueueName) -> Self {
        Self { tag: self.tag.clone(), queue }
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

    /// A token bucket.
    pub fn bucket(&self, channel: Channel, bucket: &BucketKey) -> String {
        format!("{}:bucket:{}:{bucket}", self.tag, channel.as_str())
    }

    /// Who holds how many connections of a sender.
    pub fn connections(&self, sender: SenderId) -> String {
        format!("{}:connections:{sender}", self.tag)
    }

    /// Workers that are known to be dead: what they hold is free.
    pub fn dead_workers(&self) -> String {
        format!("{}:connections-of-the-dead", self.tag)
    }

    /// Where a worker that finds all of a sender's connections held asks the others for some.
    pub fn wanted_connections(&self) -> String {
        format!("{}:connections-wanted", self.tag)
    }

    /// How many requests an API key may still make.
    pub fn api_requests(&self, key: ApiKeyId) -> String {
        format!("{}:api:{key}", self.tag)
    }

    /// Where outcomes of a tenant's messages are told to whoever watches.
    pub fn live_events(&self, tenant: TenantId) -> String {
        format!("{}:events:{tenant}", self.tag)
    }

    /// Matches every key that a new generation clears: all but the pulse itself.
    pub fn cleared_patterns(&self) -> [String; 4] {
        ["queue", "pool", "bucket", "connections"].map(|part| format!("{}:{part}:*", self.tag))
    }

    fn queue(&self, part: &str) -> String {
        format!("{}:queue:{}:{part}", self.tag, self.queue.as_str())
    }
}
