use axum::Json;
use axum::extract::State;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::suppressions::SuppressionReason;
use serde::Deserialize;
use store::SuppressionRow;
use utoipa::IntoParams;

use crate::error::Failures;
use crate::extract::{Asked, Page, Reader, page_limit};
use crate::views::SuppressionView;
use crate::{ApiError, ApiState};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SuppressionQuery {
    reason: Option<SuppressionReason>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 200; 50 where nothing is said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

/// List suppressions in order of address.
#[utoipa::path(get, path = "/v1/suppressions", tag = "suppressions", operation_id = "list_suppressions",
    params(SuppressionQuery), security(("api_key" = ["read"])),
    responses((status = 200, body = Page<SuppressionView>), Failures))]
pub async fn list(
    State(state): State<ApiState>,
    caller: Reader,
    Asked(query): Asked<SuppressionQuery>,
) -> Result<Json<Page<SuppressionView>>, ApiError> {
    let limit = page_limit(query.limit)?;
    let after = query.cursor.as_deref().map(read_cursor).transpose()?.unwrap_or_default();
    let rows = state.store.suppressions().list(caller.tenant, query.reason, &after, i64::from(limit) + 1).await?;
    // An address is not shown in an URL where it need not be.
    let cursor = |row: &SuppressionRow| URL_SAFE_NO_PAD.encode(&row.address);
    Ok(Json(Page::of(rows, limit, cursor, SuppressionView::from)))
}

fn read_cursor(text: &str) -> Result<String, ApiError> {
    let wrong = || ApiError::invalid_field("cursor", "give next_cursor as it was answered");
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).ok_or_else(wrong)
}
