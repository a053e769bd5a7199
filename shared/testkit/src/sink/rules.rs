use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Points of the conversation where a rule can act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    Connect,
    Ehlo,
    Starttls,
    /// Before the first byte of a TLS handshake.
    Tls,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// After the mail was received, instead of the reply to its final dot.
    Dot,
}

/// What the server does there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Answers this, without accepting anything.
    Reply(String),
    /// Accepts (and logs) the mail, and answers this.
    AcceptReplying(String),
    /// Accepts (and logs) the mail, and answers only after so many milliseconds.
    AcceptAfterMs(u64),
    /// Accepts (and logs) the mail, and closes without an answer.
    AcceptAndClose,
    /// Says nothing more until the client goes.
    Hang,
    /// Closes with a reset.
    Reset,
    /// Accepts (and logs) the mail, and closes with a reset.
    AcceptAndReset,
    /// Answers after so many milliseconds.
    DelayMs(u64),
    /// As `Reply`, with nothing added: each character is one byte.
    ReplyRaw(String),
    /// As `AcceptReplying`, with nothing added: each character is one byte.
    AcceptReplyingRaw(String),
    /// From here on, so many milliseconds before each byte of an answer.
    SlowlyMs(u64),
}

/// Where, for whom, how often, and what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub at: Moment,
    /// Part of the recipient's address; needed from `rcpt` on, ignored before.
    #[serde(default)]
    pub to: Option<String>,
    /// How often it acts; for ever where nothing is said.
    #[serde(default)]
    pub times: Option<u32>,
    pub action: Action,
}

#[derive(Debug, Default)]
pub struct Rules(Mutex<Vec<Rule>>);

impl Rules {
    pub fn add(&self, rule: Rule) {
        self.lock().push(rule);
    }

    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The first rule that acts here, which is thereby used once.
    pub fn take(&self, at: Moment, to: Option<&str>) -> Option<Action> {
        let mut rules = self.lock();
        let rule = rules.iter_mut().find(|rule| {
            rule.at == at
                && rule.times != Some(0)
                && rule.to.as_deref().is_none_or(|part| to.is_some_and(|to| to.contains(part)))
        })?;
        if let Some(times) = &mut rule.times {
            *times -= 1;
        }
        Some(rule.action.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Rule>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Action {
    pub(crate) fn delay(&self) -> Option<Duration> {
        match self {
            Self::DelayMs(ms) | Self::AcceptAfterMs(ms) => Some(Duration::from_millis(*ms)),
            _ => None,
        }
    }
}
