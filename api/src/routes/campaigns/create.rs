use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use domain::campaigns::CampaignDraft;

use super::{BODY_MAX_BYTES, ensure_senders, shown};
use crate::error::Failures;
use crate::extract::{Creation, Manager, parse, read_body};
use crate::views::CampaignBody;
use crate::{ApiError, ApiState};

/// Create a campaign from a plan, a blast or stages.
///
/// The plan is checked like a program: everything that is wrong with it is told at once, each with its path. With
/// `start` it takes enrollments at once; otherwise it is a draft.
#[utoipa::path(post, path = "/v1/campaigns", tag = "campaigns", operation_id = "create_campaign",
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255)),
    request_body = CampaignDraft, security(("api_key" = ["manage"])),
    responses((status = 201, body = CampaignBody), Failures))]
pub async fn create(
    State(state): State<ApiState>,
    caller: Manager,
    creation: Creation,
    body: Body,
) -> Result<(StatusCode, Json<CampaignBody>), ApiError> {
    let bytes = read_body(body, BODY_MAX_BYTES, "a campaign has at most 4 MiB").await?;
    let draft: CampaignDraft = parse(&bytes)?;
    let new = draft.validate()?;
    ensure_senders(&state, caller.tenant, &new.senders()).await?;
    let id = creation.id(&state);
    state.store.campaigns().create(caller.tenant, id, &new, &caller.by()).await?;
    Ok((StatusCode::CREATED, Json(shown(&state, caller.tenant, id).await?)))
}
