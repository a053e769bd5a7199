use axum::Json;
use axum::extract::State;
use domain::ids::CampaignId;
use domain::plans::Plan;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::error::Failures;
use crate::extract::{Asked, Id, Named, Reader};
use crate::{ApiError, ApiState};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PlanQuery {
    /// Which one; the newest where nothing is said.
    #[param(minimum = 1)]
    version: Option<u32>,
}

/// Export a campaign's plan.
///
/// As `POST /v1/campaigns` takes it in `plan`; it is camelCase.
#[utoipa::path(get, path = "/v1/campaigns/{id}/plan", tag = "campaigns", operation_id = "get_campaign_plan",
    params(("id" = CampaignId, Path), PlanQuery), security(("api_key" = ["read"])),
    responses((status = 200, body = Plan), Failures))]
pub async fn plan(
    State(state): State<ApiState>,
    caller: Reader,
    Id(id): Id<CampaignId>,
    Asked(query): Asked<PlanQuery>,
) -> Result<Json<Plan>, ApiError> {
    let campaigns = state.store.campaigns();
    let found = campaigns.find(caller.tenant, id).await?.ok_or_else(CampaignId::missing)?;
    let wanted = query.version.unwrap_or(found.version);
    let versions = campaigns.versions(caller.tenant, id).await?;
    let version = versions.into_iter().find(|version| version.version == wanted);
    let hash = version.and_then(|version| version.plan_hash.try_into().ok());
    let hash = hash.ok_or_else(|| ApiError::not_found("the campaign has no such version"))?;
    let plan = campaigns.plans().find(caller.tenant, hash).await?.ok_or_else(ApiError::unavailable)?;
    Ok(Json(plan))
}
