use axum::Json;
use axum::extract::State;
use domain::ids::ContactId;

use crate::error::Failures;
use crate::extract::{Asked, Page, PageQuery, Reader, page_cursor, page_limit};
use crate::views::ContactBody;
use crate::{ApiError, ApiState};

/// List contacts, the newest first.
#[utoipa::path(get, path = "/v1/contacts", tag = "contacts", operation_id = "list_contacts",
    params(PageQuery), security(("api_key" = ["read"])),
    responses((status = 200, body = Page<ContactBody>), Failures))]
pub async fn list(
    State(state): State<ApiState>,
    caller: Reader,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<Page<ContactBody>>, ApiError> {
    let (limit, before) = (page_limit(query.limit)?, page_cursor(query.cursor.as_deref())?);
    let rows = state.store.contacts().list(caller.tenant, before, i64::from(limit) + 1).await?;
    Ok(Json(Page::of(rows, limit, |row| ContactId(row.id).to_string(), ContactBody::from)))
}
