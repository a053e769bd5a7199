use axum::Json;
use axum::body::Body;
use axum::extract::State;
use domain::ids::CampaignId;

use super::changed;
use crate::error::Failures;
use crate::extract::{Id, Manager};
use crate::views::{CampaignBody, PauseBody};
use crate::{ApiError, ApiState};

/// Stop a campaign's mail for a while.
///
/// Time goes on for whoever runs through it, and contacts may be enrolled; their messages wait until it goes on.
#[utoipa::path(post, path = "/v1/campaigns/{id}/pause", tag = "campaigns", operation_id = "pause_campaign",
    params(("id" = CampaignId, Path)), request_body = Option<PauseBody>, security(("api_key" = ["manage"])),
    responses((status = 200, body = CampaignBody), Failures))]
pub async fn pause(
    State(state): State<ApiState>,
    caller: Manager,
    Id(id): Id<CampaignId>,
    body: Body,
) -> Result<Json<CampaignBody>, ApiError> {
    let reason = PauseBody::read(body).await?.reason;
    let answer = state.store.campaigns().pause(caller.tenant, id, &caller.by(), &reason).await?;
    Ok(Json(changed(&state, caller.tenant, id, answer, "only an active campaign can be paused").await?))
}
