use axum::Json;
use axum::extract::State;
use domain::messages::MessageState;
use store::messages::MessageFilter;

use crate::error::Failures;
use crate::extract::{Asked, Page, PageQuery, Reader, page_cursor, page_limit};
use crate::views::MessageItem;
use crate::{ApiError, ApiState};

/// List messages whose answer was lost.
///
/// They may or may not have been sent. `POST /v1/messages/{id}/resolve` says what became of one.
#[utoipa::path(get, path = "/v1/queue/uncertain", tag = "queue", operation_id = "list_uncertain",
    params(PageQuery), security(("api_key" = ["read"])),
    responses((status = 200, body = Page<MessageItem>), Failures))]
pub async fn list_uncertain(
    State(state): State<ApiState>,
    caller: Reader,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<Page<MessageItem>>, ApiError> {
    let limit = page_limit(query.limit)?;
    let before = page_cursor(query.cursor.as_deref())?;
    let filter = MessageFilter { state: Some(MessageState::Uncertain), ..MessageFilter::default() };
    let page = state.store.messages().list_messages(caller.tenant, &filter, before, i64::from(limit)).await?;
    Ok(Json(page.into()))
}
