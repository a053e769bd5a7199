use axum::Json;
use axum::extract::State;
use domain::ids::CampaignId;

use super::shown;
use crate::error::Failures;
use crate::extract::{Id, Reader};
use crate::views::CampaignBody;
use crate::{ApiError, ApiState};

/// Get a campaign with its counts as they stand.
#[utoipa::path(get, path = "/v1/campaigns/{id}", tag = "campaigns", operation_id = "get_campaign",
    params(("id" = CampaignId, Path)), security(("api_key" = ["read"])),
    responses((status = 200, body = CampaignBody), Failures))]
pub async fn get(
    State(state): State<ApiState>,
    caller: Reader,
    Id(id): Id<CampaignId>,
) -> Result<Json<CampaignBody>, ApiError> {
    Ok(Json(shown(&state, caller.tenant, id).await?))
}
