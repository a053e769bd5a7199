use std::time::Duration;

use domain::limits::{Limit, Rate};
use providers::Egress;
use providers::smtp::TlsRoots;
use runtime::crypto::Keyring;

/// What an operator decides about an API process.
#[derive(Debug, Clone)]
pub struct ApiOptions {
    /// For credentials of senders; without it none can be stored.
    pub keyring: Option<Keyring>,
    /// Where a sender's check may connect to.
    pub egress: Egress,
    pub roots: TlsRoots,
    /// The name given in EHLO by a check.
    pub hello: String,
    /// Requests of one key over the whole fleet; none: as many as come.
    pub key_rate: Option<Rate>,
    /// Longest that counting a request waits for Redis.
    pub redis_within: Duration,
    /// Simultaneous connections of this process.
    pub connections_max: usize,
    /// Longest a client may take to send a request's head, and to take a piece of an answer.
    pub patience: Duration,
    /// Longest a request may take, its body included. What streams has bounds of its own.
    pub answer_within: Duration,
}

impl Default for ApiOptions {
    fn default() -> Self {
        Self {
            keyring: None,
            egress: Egress::default(),
            roots: TlsRoots::default(),
            hello: "localhost".to_owned(),
            key_rate: None,
            redis_within: Duration::from_millis(20),
            connections_max: 4_096,
            patience: Duration::from_secs(10),
            answer_within: Duration::from_secs(30),
        }
    }
}

/// A rate as it is configured: `500/s,burst=1000`, or `none`.
pub fn parse_key_rate(text: &str) -> Result<Option<Rate>, String> {
    if text == "none" {
        return Ok(None);
    }
    match text.parse::<Limit>() {
        Ok(Limit::Rate(rate)) => Ok(Some(rate)),
        Ok(Limit::Quota(_)) => Err("requests are limited per second, minute or hour".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
