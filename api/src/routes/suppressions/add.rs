use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use domain::problems::FieldProblem;
use domain::suppressions::{NewSuppression, SUPPRESSIONS_MAX, SuppressionDraft};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Failures;
use crate::extract::{BoundedList, Manager, parse, read_body};
use crate::{ApiError, ApiState};

const BODY_MAX_BYTES: usize = 512 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Suppressions {
    suppressions: BoundedList<SuppressionDraft, SUPPRESSIONS_MAX>,
}

/// Addresses that must not be mailed.
#[derive(ToSchema)]
#[schema(example = json!({"suppressions": [{"address": "ann@example.com", "reason": "unsubscribe"}]}))]
#[expect(dead_code, reason = "describes what `Suppressions` reads")]
pub struct SuppressionsBody {
    #[schema(min_items = 1, max_items = 1000)]
    suppressions: Vec<SuppressionDraft>,
}

#[derive(Serialize, ToSchema)]
pub struct AddedCount {
    /// New ones; what was known keeps its reason.
    added: u64,
}

/// Suppress up to 1,000 addresses.
///
/// From the answer on nothing is committed to them (what already was leaves within 5 s, or never); what waits for them ends as `suppressed`. All or none: one wrong address
/// refuses the request. For more, import a stream.
#[utoipa::path(post, path = "/v1/suppressions", tag = "suppressions", operation_id = "add_suppressions",
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255)),
    request_body = SuppressionsBody, security(("api_key" = ["manage"])),
    responses((status = 201, body = AddedCount), Failures))]
pub async fn add(
    State(state): State<ApiState>,
    caller: Manager,
    body: Body,
) -> Result<(StatusCode, Json<AddedCount>), ApiError> {
    let bytes = read_body(body, BODY_MAX_BYTES, "suppressions have at most 512 KiB").await?;
    let Suppressions { suppressions } = parse(&bytes)?;
    if suppressions.0.is_empty() {
        return Err(ApiError::invalid_field("suppressions", "give 1 to 1000"));
    }
    let mut problems = Vec::new();
    let mut new: Vec<NewSuppression> = Vec::with_capacity(suppressions.0.len());
    for (at, draft) in suppressions.0.into_iter().enumerate() {
        match draft.validate("api") {
            Ok(suppression) => new.push(suppression),
            Err(FieldProblem { field, problem }) => {
                problems.push(FieldProblem { field: format!("suppressions[{at}].{field}"), problem });
            }
        }
    }
    if !problems.is_empty() {
        return Err(ApiError::invalid_request(&problems));
    }
    let added = state.store.suppressions().add(caller.tenant, &new).await?;
    Ok((StatusCode::CREATED, Json(AddedCount { added })))
}
