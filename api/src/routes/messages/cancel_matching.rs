use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use domain::ids::{MessageId, SenderId};
use serde::{Deserialize, Serialize};
use store::messages::CancelFilter;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::error::Failures;
use crate::extract::{Mailer, parse, read_body};
use crate::{ApiError, ApiState};

const BODY_MAX_BYTES: usize = 4 * 1024;
/// A call ends after this, and says that there is more.
const WITHIN: Duration = Duration::from_secs(15);

/// Messages that fit all that is given; something must be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"tag": "spring"}))]
pub struct CancelBody {
    #[serde(default)]
    sender: Option<SenderId>,
    #[serde(default)]
    #[schema(example = "spring")]
    tag: Option<String>,
    /// Where the call before ended.
    #[serde(default)]
    cursor: Option<MessageId>,
}

#[derive(Serialize, ToSchema)]
pub struct CanceledCount {
    /// Messages that this call has called off.
    canceled: i64,
    /// Not all were looked at in time: repeat the call with it. Null at the end.
    next_cursor: Option<MessageId>,
}

/// Call off many messages.
///
/// All that are not past the point of no return and fit. A large set may take several calls: give `next_cursor` as `cursor`.
#[utoipa::path(post, path = "/v1/messages/cancel", tag = "messages", operation_id = "cancel_messages",
    request_body = CancelBody, security(("api_key" = ["send"])),
    responses((status = 200, body = CanceledCount), Failures))]
pub async fn cancel_matching(
    State(state): State<ApiState>,
    caller: Mailer,
    body: Body,
) -> Result<Json<CanceledCount>, ApiError> {
    let bytes = read_body(body, BODY_MAX_BYTES, "a filter has at most 4 KiB").await?;
    let CancelBody { sender, tag, cursor } = parse(&bytes)?;
    if sender.is_none() && tag.is_none() {
        return Err(ApiError::invalid_field("", "give a sender, a tag, or both"));
    }
    if tag.as_deref().is_some_and(|tag| tag.contains('\0')) {
        return Err(ApiError::invalid_field("tag", "contains a NUL character"));
    }
    let since = Instant::now();
    let messages = state.store.messages();
    let filter = CancelFilter { sender, tag };
    let mut from = match cursor {
        Some(cursor) => Some(cursor),
        None => messages.oldest_unsent(caller.tenant, sender).await?,
    };
    let mut canceled = 0;
    while let Some(at) = from.filter(|_| since.elapsed() < WITHIN) {
        let page = messages.cancel_matching(caller.tenant, &filter, at).await?;
        canceled += page.canceled;
        from = page.next;
    }
    Ok(Json(CanceledCount { canceled, next_cursor: from }))
}
