use axum::Json;
use axum::extract::State;
use domain::ids::CampaignId;

use super::changed;
use crate::error::Failures;
use crate::extract::{Id, Manager};
use crate::views::CampaignBody;
use crate::{ApiError, ApiState};

/// Let a campaign go on.
///
/// What waited keeps its place, and leaves as its limits allow.
#[utoipa::path(post, path = "/v1/campaigns/{id}/resume", tag = "campaigns", operation_id = "resume_campaign",
    params(("id" = CampaignId, Path)), security(("api_key" = ["manage"])),
    responses((status = 200, body = CampaignBody), Failures))]
pub async fn resume(
    State(state): State<ApiState>,
    caller: Manager,
    Id(id): Id<CampaignId>,
) -> Result<Json<CampaignBody>, ApiError> {
    let answer = state.store.campaigns().resume(caller.tenant, id).await?;
    Ok(Json(changed(&state, caller.tenant, id, answer, "only a paused campaign can go on").await?))
}
