use axum::Json;
use axum::body::Body;
use domain::campaigns::{CampaignDraft, InvalidCampaign};
use domain::plans::PlanProblem;
use serde::Serialize;
use utoipa::ToSchema;

use super::BODY_MAX_BYTES;
use crate::ApiError;
use crate::error::Failures;
use crate::extract::{Reader, parse, read_body};

/// What is to be said of a plan.
#[derive(Serialize, ToSchema)]
pub struct ValidationView {
    /// It may run.
    valid: bool,
    /// SHA-256 of its canonical form, where it is valid.
    hash: Option<String>,
    /// Most messages that one contact can get; null where its loops are bounded by the engine alone.
    messages_max: Option<u32>,
    /// Errors and warnings, all of them.
    problems: Vec<PlanProblem>,
}

/// Check a campaign without storing it.
///
/// Answers 200 whether it is valid or not; a request that is no campaign at all is a 400.
#[utoipa::path(post, path = "/v1/campaigns/validate", tag = "campaigns", operation_id = "validate_campaign",
    request_body = CampaignDraft, security(("api_key" = ["read"])),
    responses((status = 200, body = ValidationView), Failures))]
pub async fn validate(_: Reader, body: Body) -> Result<Json<ValidationView>, ApiError> {
    let bytes = read_body(body, BODY_MAX_BYTES, "a campaign has at most 4 MiB").await?;
    let draft: CampaignDraft = parse(&bytes)?;
    Ok(Json(match draft.validate() {
        Ok(new) => ValidationView {
            valid: true,
            hash: Some(new.compiled.hash),
            messages_max: new.compiled.messages_max,
            problems: new.compiled.warnings,
        },
        Err(InvalidCampaign::Plan(problems)) => {
            ValidationView { valid: false, hash: None, messages_max: None, problems }
        }
        Err(fields) => return Err(fields.into()),
    }))
}
