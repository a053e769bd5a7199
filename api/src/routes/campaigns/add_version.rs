use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use domain::campaigns::CampaignDraft;
use domain::ids::CampaignId;
use store::campaigns::VersionAnswer;

use super::{BODY_MAX_BYTES, ensure_senders, shown};
use crate::error::Failures;
use crate::extract::{Id, Manager, Named, parse, read_body};
use crate::views::CampaignBody;
use crate::{ApiError, ApiState};

/// Give a campaign another plan.
///
/// Takes the same body as `POST /v1/campaigns`; of it `plan`, `blast` or `stages`, `generated_by` and `notes` count.
/// Whoever is enrolled keeps the plan it began with.
#[utoipa::path(post, path = "/v1/campaigns/{id}/versions", tag = "campaigns", operation_id = "add_campaign_version",
    params(("id" = CampaignId, Path)), request_body = CampaignDraft, security(("api_key" = ["manage"])),
    responses((status = 201, body = CampaignBody), Failures))]
pub async fn add_version(
    State(state): State<ApiState>,
    caller: Manager,
    Id(id): Id<CampaignId>,
    body: Body,
) -> Result<(StatusCode, Json<CampaignBody>), ApiError> {
    let bytes = read_body(body, BODY_MAX_BYTES, "a campaign has at most 4 MiB").await?;
    let mut draft: CampaignDraft = parse(&bytes)?;
    let campaigns = state.store.campaigns();
    let standing = campaigns.find(caller.tenant, id).await?.ok_or_else(CampaignId::missing)?;
    draft.sender = draft.sender.or(standing.sender);
    let new = draft.validate()?;
    ensure_senders(&state, caller.tenant, &new.senders()).await?;
    let (generated_by, notes) = (new.generated_by.as_deref(), new.notes.as_deref());
    let told = (generated_by, notes, caller.by());
    let answer =
        campaigns.add_version(caller.tenant, id, (&new.plan, &new.compiled), (told.0, told.1, &told.2)).await?;
    match answer {
        VersionAnswer::Added(_) | VersionAnswer::Same(_) => {
            Ok((StatusCode::CREATED, Json(shown(&state, caller.tenant, id).await?)))
        }
        VersionAnswer::Over => Err(ApiError::conflict("the campaign is over")),
        VersionAnswer::NotFound => Err(CampaignId::missing()),
    }
}
