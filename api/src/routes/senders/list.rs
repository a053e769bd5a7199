use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use store::SenderPage;
use utoipa::IntoParams;

use crate::error::Failures;
use crate::extract::{Asked, Page, Reader, page_cursor, page_limit};
use crate::views::SenderBody;
use crate::{ApiError, ApiState};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SenderQuery {
    /// Archived ones too.
    archived: Option<bool>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 200; 50 where nothing is said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

/// List senders, the newest first.
#[utoipa::path(get, path = "/v1/senders", tag = "senders", operation_id = "list_senders",
    params(SenderQuery), security(("api_key" = ["read"])),
    responses((status = 200, body = Page<SenderBody>), Failures))]
pub async fn list(
    State(state): State<ApiState>,
    caller: Reader,
    Asked(query): Asked<SenderQuery>,
) -> Result<Json<Page<SenderBody>>, ApiError> {
    let limit = page_limit(query.limit)?;
    let asked = SenderPage {
        before: page_cursor(query.cursor.as_deref())?,
        archived: query.archived.unwrap_or(false),
        limit: u64::from(limit) + 1,
    };
    let rows = state.store.senders().list(caller.tenant, &asked).await?;
    Ok(Json(Page::of(rows, limit, |row| row.account.id.to_string(), SenderBody::from)))
}
