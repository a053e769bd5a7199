use std::ops::Deref;

use link::{Keys, Link, QueueName};

use crate::Result;

/// A queue, as producers, workers and the leader reach it; cheap to clone.
#[derive(Debug, Clone)]
pub struct QueueLink {
    link: Link,
    keys: Keys,
}

impl QueueLink {
    /// Connects on first use: a process may start before its Redis.
    pub fn connect(url: &str, keys: Keys) -> Result<Self> {
        Link::connect(url, None, keys).map(Self::of)
    }

    /// As `connect`, to a server that a private authority vouches for, given as PEM.
    pub fn connect_trusting(url: &str, authority: Vec<u8>, keys: Keys) -> Result<Self> {
        Link::connect(url, Some(authority), keys).map(Self::of)
    }

    fn of(link: Link) -> Self {
        Self { keys: link.keys().clone(), link }
    }

    /// Another queue over the same connection and view of the pulse: a window, a bell and books of its own.
    pub fn of_queue(&self, queue: QueueName) -> Self {
        Self { link: self.link.clone(), keys: self.keys.of_queue(queue) }
    }

    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// What the limits share with it: one connection, one view of the pulse.
    pub fn link(&self) -> &Link {
        &self.link
    }
}

impl Deref for QueueLink {
    type Target = Link;

    fn deref(&self) -> &Link {
        &self.link
    }
}
