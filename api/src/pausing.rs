//! Pausing a sender or a tenant. When it is acknowledged, nothing more leaves.

use std::time::Duration;

use domain::ids::{SenderId, TenantId};
use store::{PauseAnswer, ResumeAnswer, Store};
use tokio::time::Instant;

pub use crate::views::PauseView;

/// The final bytes of a commit leave within this of submitting it (by the worker's monotonic clock), or never.
const BYTES_LEAVE_WITHIN: Duration = Duration::from_secs(5);
/// For the statement that submits it to arrive.
const MARGIN: Duration = Duration::from_millis(500);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What is paused.
#[derive(Debug, Clone, Copy)]
pub enum Paused {
    Tenant(TenantId),
    Sender(TenantId, SenderId),
}

impl std::fmt::Display for Paused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tenant(tenant) => write!(f, "tenant {tenant}"),
            Self::Sender(_, sender) => write!(f, "sender {sender}"),
        }
    }
}

impl Paused {
    fn parts(self) -> (TenantId, Option<SenderId>) {
        match self {
            Self::Tenant(tenant) => (tenant, None),
            Self::Sender(tenant, sender) => (tenant, Some(sender)),
        }
    }
}

/// Pauses, takes what is queued back from its jobs, and waits until what was already past the point of no return has
/// left: usually a few milliseconds, at most five seconds and a half.
pub async fn pause(store: &Store, what: Paused, by: &str, reason: &str) -> store::Result<PauseAnswer> {
    let (tenant, sender) = what.parts();
    let answer = match what {
        Paused::Tenant(tenant) => store.tenants().pause(tenant, by, reason).await?,
        Paused::Sender(tenant, sender) => store.senders().pause(tenant, sender, by, reason).await?,
    };
    if answer == PauseAnswer::Missing {
        return Ok(answer);
    }
    let since = Instant::now();
    store.messages().recall_queued(tenant, sender).await?;
    let bound = BYTES_LEAVE_WITHIN + MARGIN;
    while since.elapsed() < bound && store.messages().committing_within(tenant, sender, bound.as_secs_f64()).await? > 0
    {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(answer)
}

/// Lets it go on where it stood. What an operator paused only an operator lets go on.
pub async fn resume(store: &Store, what: Paused, as_operator: bool) -> store::Result<ResumeAnswer> {
    match what {
        Paused::Tenant(tenant) => store.tenants().resume(tenant, as_operator).await,
        Paused::Sender(tenant, sender) => store.senders().resume(tenant, sender, as_operator).await,
    }
}

const REASON_MAX_CHARS: usize = 200;

/// A reason as it may be given: 1 to 200 characters on one line.
pub fn pause_reason(text: &str) -> Result<String, &'static str> {
    let fits = (1..=REASON_MAX_CHARS).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err("it has 1 to 200 characters on one line") }
}
