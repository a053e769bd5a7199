use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::address::Address;
use domain::ids::{MessageId, SenderId};
use domain::messages::MessageState;
use serde::Deserialize;
use store::messages::{MessageFilter, MessagePage};
use utoipa::IntoParams;
use uuid::Uuid;

use crate::error::Failures;
use crate::extract::{Asked, Page, Reader, page_cursor, page_limit};
use crate::views::MessageItem;
use crate::{ApiError, ApiState};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MessageQuery {
    state: Option<MessageState>,
    sender: Option<SenderId>,
    /// The recipient's address.
    to: Option<String>,
    tag: Option<String>,
    /// Created since.
    since: Option<DateTime<Utc>>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 200; 50 where nothing is said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

/// List messages, the newest first.
///
/// A page may have fewer than `limit` and still a `next_cursor`: a call looks at so many messages and no further.
#[utoipa::path(get, path = "/v1/messages", tag = "messages", operation_id = "list_messages",
    params(MessageQuery), security(("api_key" = ["read"])),
    responses((status = 200, body = Page<MessageItem>), Failures))]
pub async fn list(
    State(state): State<ApiState>,
    caller: Reader,
    Asked(query): Asked<MessageQuery>,
) -> Result<Json<Page<MessageItem>>, ApiError> {
    let limit = page_limit(query.limit)?;
    let before = page_cursor(query.cursor.as_deref())?;
    let to = query.to.as_deref().map(Address::parse).transpose();
    let filter = MessageFilter {
        state: query.state,
        sender: query.sender,
        to: to.map_err(|error| ApiError::invalid_field("to", error.to_string()))?.map(|to| to.suppression_key()),
        tag: query.tag.map(|tag| tag.replace('\0', "")),
        since: query.since.map(first_id),
    };
    let page = state.store.messages().list_messages(caller.tenant, &filter, before, i64::from(limit)).await?;
    Ok(Json(page.into()))
}

impl From<MessagePage> for Page<MessageItem> {
    fn from(page: MessagePage) -> Self {
        Self {
            data: page.messages.into_iter().map(MessageItem::from).collect(),
            next_cursor: page.next.map(|id| id.to_string()),
        }
    }
}

/// Ids are ordered by time: the first that could have been made at this moment.
fn first_id(at: DateTime<Utc>) -> MessageId {
    let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
    MessageId(Uuid::from_u128(u128::from(millis) << 80))
}
