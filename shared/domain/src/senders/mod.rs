//! Accounts that mail leaves from.

mod draft;

pub use draft::{CheckedSender, SenderDraft, SenderPatch};

use serde::{Deserialize, Serialize};

/// How the connection to an SMTP server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// Plain text, upgraded by `STARTTLS`; a server that does not offer it is refused.
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// No protection. Credentials are never sent over it.
    None,
}

impl TlsMode {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starttls => "starttls",
            Self::Tls => "tls",
            Self::None => "none",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Starttls, Self::Tls, Self::None].into_iter().find(|mode| mode.as_str() == text)
    }
}

/// Whether anything leaves from a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SenderState {
    Active,
    Paused,
    Archived,
}

/// Simultaneous connections of a sender where nothing else is said.
pub const CONNECTIONS_DEFAULT: u32 = 10;
/// The most an operator may allow one sender.
pub const CONNECTIONS_MAX: u32 = 100;
/// Refusals in a row that are the sender's own fault before it is paused for a person to look at.
pub const FAULTS_BEFORE_PAUSE: i32 = 3;
