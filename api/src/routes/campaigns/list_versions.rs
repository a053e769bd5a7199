use axum::Json;
use axum::extract::State;
use domain::ids::CampaignId;

use crate::error::Failures;
use crate::extract::{Id, Named, Page, Reader};
use crate::views::VersionBody;
use crate::{ApiError, ApiState};

/// List the versions of a campaign's plan, the newest first.
#[utoipa::path(get, path = "/v1/campaigns/{id}/versions", tag = "campaigns", operation_id = "list_campaign_versions",
    params(("id" = CampaignId, Path)), security(("api_key" = ["read"])),
    responses((status = 200, body = Page<VersionBody>), Failures))]
pub async fn list_versions(
    State(state): State<ApiState>,
    caller: Reader,
    Id(id): Id<CampaignId>,
) -> Result<Json<Page<VersionBody>>, ApiError> {
    let campaigns = state.store.campaigns();
    campaigns.find(caller.tenant, id).await?.ok_or_else(CampaignId::missing)?;
    let data = campaigns.versions(caller.tenant, id).await?.into_iter().map(VersionBody::from).collect();
    Ok(Json(Page { data, next_cursor: None }))
}
