use axum::Json;
use axum::extract::State;
use domain::campaigns::CampaignState;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::error::Failures;
use crate::extract::{Asked, Page, Reader, page_cursor, page_limit};
use crate::views::CampaignBody;
use crate::{ApiError, ApiState};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CampaignQuery {
    state: Option<CampaignState>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 200; 50 where nothing is said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

/// List campaigns, the newest first.
#[utoipa::path(get, path = "/v1/campaigns", tag = "campaigns", operation_id = "list_campaigns",
    params(CampaignQuery), security(("api_key" = ["read"])),
    responses((status = 200, body = Page<CampaignBody>), Failures))]
pub async fn list(
    State(state): State<ApiState>,
    caller: Reader,
    Asked(query): Asked<CampaignQuery>,
) -> Result<Json<Page<CampaignBody>>, ApiError> {
    let limit = page_limit(query.limit)?;
    let before = page_cursor(query.cursor.as_deref())?;
    let rows = state.store.campaigns().list(caller.tenant, query.state, before, i64::from(limit) + 1).await?;
    Ok(Json(Page::of(rows, limit, |row| row.id.to_string(), |row| CampaignBody::new(row, None))))
}
