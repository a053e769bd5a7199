use axum::Json;
use axum::extract::State;
use domain::ids::CampaignId;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::error::Failures;
use crate::extract::{Asked, Id, Named, Page, Reader, page_cursor, page_limit};
use crate::views::EnrollmentBody;
use crate::{ApiError, ApiState};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EnrollmentQuery {
    /// `active`, or how they ended.
    state: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// 1 to 200; 50 where nothing is said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
}

/// List who runs or ran through a campaign, the newest first.
#[utoipa::path(get, path = "/v1/campaigns/{id}/enrollments", tag = "enrollments", operation_id = "list_enrollments",
    params(("id" = CampaignId, Path), EnrollmentQuery), security(("api_key" = ["read"])),
    responses((status = 200, body = Page<EnrollmentBody>), Failures))]
pub async fn list_enrollments(
    State(state): State<ApiState>,
    caller: Reader,
    Id(id): Id<CampaignId>,
    Asked(query): Asked<EnrollmentQuery>,
) -> Result<Json<Page<EnrollmentBody>>, ApiError> {
    let (limit, before) = (page_limit(query.limit)?, page_cursor(query.cursor.as_deref())?);
    state.store.campaigns().find(caller.tenant, id).await?.ok_or_else(CampaignId::missing)?;
    let enrollments = state.store.enrollments();
    let rows = enrollments.list(caller.tenant, id, query.state.as_deref(), before, i64::from(limit) + 1).await?;
    Ok(Json(Page::of(rows, limit, |row| row.id.to_string(), EnrollmentBody::from)))
}
