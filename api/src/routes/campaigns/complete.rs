use axum::Json;
use axum::extract::State;
use domain::ids::CampaignId;

use super::changed;
use crate::error::Failures;
use crate::extract::{Id, Manager};
use crate::views::CampaignBody;
use crate::{ApiError, ApiState};

/// End a campaign that nobody runs through any more.
///
/// It takes no enrollments from then on.
#[utoipa::path(post, path = "/v1/campaigns/{id}/complete", tag = "campaigns", operation_id = "complete_campaign",
    params(("id" = CampaignId, Path)), security(("api_key" = ["manage"])),
    responses((status = 200, body = CampaignBody), Failures))]
pub async fn complete(
    State(state): State<ApiState>,
    caller: Manager,
    Id(id): Id<CampaignId>,
) -> Result<Json<CampaignBody>, ApiError> {
    let answer = state.store.campaigns().complete(caller.tenant, id).await?;
    Ok(Json(
        changed(&state, caller.tenant, id, answer, "only an active campaign that nobody runs through can be completed")
            .await?,
    ))
}
