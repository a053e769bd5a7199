use axum::Json;
use axum::extract::State;

use crate::error::Failures;
use crate::extract::{Asked, Operator, Page, PageQuery, page_cursor, page_limit};
use crate::views::TenantBody;
use crate::{ApiError, ApiState};

/// List tenants, the newest first.
#[utoipa::path(get, path = "/v1/tenants", tag = "operator", operation_id = "list_tenants",
    params(PageQuery), security(("api_key" = ["operator"])),
    responses((status = 200, body = Page<TenantBody>), Failures))]
pub async fn list(
    State(state): State<ApiState>,
    _: Operator,
    Asked(query): Asked<PageQuery>,
) -> Result<Json<Page<TenantBody>>, ApiError> {
    let limit = page_limit(query.limit)?;
    let before = page_cursor(query.cursor.as_deref())?;
    let rows = state.store.tenants().list(before, u64::from(limit) + 1).await?;
    Ok(Json(Page::of(rows, limit, |row| row.id.to_string(), TenantBody::from)))
}
