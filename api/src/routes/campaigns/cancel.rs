use axum::Json;
use axum::extract::State;
use domain::ids::CampaignId;

use super::changed;
use crate::error::Failures;
use crate::extract::{Id, Manager};
use crate::views::CampaignBody;
use crate::{ApiError, ApiState};

/// Call a campaign off.
///
/// Nothing of it leaves after the answer but what was past the point of no return; whoever runs through it is ended within seconds.
#[utoipa::path(post, path = "/v1/campaigns/{id}/cancel", tag = "campaigns", operation_id = "cancel_campaign",
    params(("id" = CampaignId, Path)), security(("api_key" = ["manage"])),
    responses((status = 200, body = CampaignBody), Failures))]
pub async fn cancel(
    State(state): State<ApiState>,
    caller: Manager,
    Id(id): Id<CampaignId>,
) -> Result<Json<CampaignBody>, ApiError> {
    let answer = state.store.campaigns().stop(caller.tenant, id).await?;
    Ok(Json(changed(&state, caller.tenant, id, answer, "it is over").await?))
}
