use std::time::Duration;

use axum::body::Body;
use domain::ids::{MessageId, SenderId, TenantId};
use serde::{Deserialize, Serialize};
use store::Store;
use store::messages::FailedFilter;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::ApiError;
use crate::extract::{parse_or, read_body};

const BODY_MAX_BYTES: usize = 4 * 1024;
/// A call ends after this, and says that there is more.
const WITHIN: Duration = Duration::from_secs(15);

/// Failed messages that fit all that is given; an empty body means all.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"class": "network"}))]
pub struct FailedBody {
    #[serde(default)]
    sender: Option<SenderId>,
    /// As `last_class` of a message says, e.g. `mailbox` or `network`.
    #[serde(default)]
    class: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct RepairedCount {
    /// Messages that this call has changed.
    messages: i64,
    /// Not all were looked at in time: repeat the call.
    more: bool,
}

impl FailedBody {
    pub async fn read(body: Body) -> Result<FailedFilter, ApiError> {
        let bytes = read_body(body, BODY_MAX_BYTES, "a filter has at most 4 KiB").await?;
        let Self { sender, class } = parse_or(&bytes, Self::default())?;
        if class.as_deref().is_some_and(|class| class.contains('\0')) {
            return Err(ApiError::invalid_field("class", "contains a NUL character"));
        }
        Ok(FailedFilter { sender, class })
    }
}

/// What is done to them.
#[derive(Clone, Copy)]
pub enum Repair {
    Retry,
    Clear,
}

/// Walks over all failed messages, a page at a time, for as long as a request may take.
pub async fn walk(
    store: &Store,
    tenant: TenantId,
    repair: Repair,
    filter: &FailedFilter,
) -> Result<RepairedCount, ApiError> {
    let since = Instant::now();
    let mut messages = 0;
    let mut after: Option<MessageId> = None;
    loop {
        let page = match repair {
            Repair::Retry => store.messages().retry_failed(tenant, filter, after).await?,
            Repair::Clear => store.messages().clear_failed(tenant, filter, after).await?,
        };
        messages += page.messages;
        after = page.next;
        if after.is_none() || since.elapsed() > WITHIN {
            return Ok(RepairedCount { messages, more: after.is_some() });
        }
    }
}
