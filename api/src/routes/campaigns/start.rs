use axum::Json;
use axum::extract::State;
use domain::ids::CampaignId;

use super::changed;
use crate::error::Failures;
use crate::extract::{Id, Manager};
use crate::views::CampaignBody;
use crate::{ApiError, ApiState};

/// Start a campaign.
///
/// From now on contacts can be enrolled.
#[utoipa::path(post, path = "/v1/campaigns/{id}/start", tag = "campaigns", operation_id = "start_campaign",
    params(("id" = CampaignId, Path)), security(("api_key" = ["manage"])),
    responses((status = 200, body = CampaignBody), Failures))]
pub async fn start(
    State(state): State<ApiState>,
    caller: Manager,
    Id(id): Id<CampaignId>,
) -> Result<Json<CampaignBody>, ApiError> {
    let answer = state.store.campaigns().start(caller.tenant, id).await?;
    Ok(Json(changed(&state, caller.tenant, id, answer, "only a draft can be started").await?))
}
