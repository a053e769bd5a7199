use std::ops::Deref;

use link::{Keys, Link};

use crate::Result;

/// The queue, as producers, workers and the leader reach it; cheap to clone.
#[derive(Debug, Clone)]
pub struct QueueLink(Link);

impl QueueLink {
    /// Connects on first use: a process may start before its Redis.
    pub fn connect(url: &str, keys: Keys) -> Result<Self> {
        Link::connect(url, None, keys).map(Self)
    }

    /// As `connect`, to a server that a private authority vouches for, given as PEM.
    pub fn connect_trusting(url: &str, authority: Vec<u8>, keys: Keys) -> Result<Self> {
        Link::connect(url, Some(authority), keys).map(Self)
    }

    /// What the limits share with it: one connection, one view of the pulse.
    pub fn link(&self) -> &Link {
        &self.0
    }
}

impl Deref for QueueLink {
    type Target = Link;

    fn deref(&self) -> &Link {
        &self.0
    }
}
