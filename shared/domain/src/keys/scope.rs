use std::fmt;

use serde::{Deserialize, Serialize};

/// What a key may do. A key has some of these; none includes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyScope {
    /// See messages, senders, suppressions, limits and the queue.
    Read,
    /// Send and cancel messages, and store contents.
    Send,
    /// Change senders, suppressions, limits and keys; pause, resume and repair the queue.
    Manage,
}

impl KeyScope {
    pub const ALL: [Self; 3] = [Self::Read, Self::Send, Self::Manage];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Send => "send",
            Self::Manage => "manage",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

impl fmt::Display for KeyScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
