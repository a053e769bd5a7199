use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use domain::ids::ApiKeyId;
use serde::Deserialize;
use utoipa::ToSchema;

use super::make::{KeyPlan, make};
use super::revoke::ensure_may_end;
use crate::error::Failures;
use crate::extract::{Creation, Id, Manager, parse_or, read_body};
use crate::views::NewKeyView;
use crate::{ApiError, ApiState};

const BODY_MAX_BYTES: usize = 4 * 1024;
const OVERLAP_DEFAULT_SECS: u32 = 24 * 3_600;
const OVERLAP_MAX_SECS: u32 = 30 * 24 * 3_600;

/// How the old key ends.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"overlap_seconds": 3600}))]
pub struct RotateBody {
    /// Seconds that the old key lives on beside the new one: 0 to 2,592,000; a day where nothing is said.
    #[serde(default = "a_day")]
    #[schema(maximum = 2_592_000)]
    overlap_seconds: u32,
}

fn a_day() -> u32 {
    OVERLAP_DEFAULT_SECS
}

/// Replace an API key.
///
/// The new one may do what the old one may; the old one lives on for a while, so that nothing breaks meanwhile.
#[utoipa::path(post, path = "/v1/keys/{id}/rotate", tag = "keys", operation_id = "rotate_key",
    params(("id" = ApiKeyId, Path), ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255)),
    request_body = Option<RotateBody>, security(("api_key" = ["manage"])),
    responses((status = 201, body = NewKeyView), Failures))]
pub async fn rotate(
    State(state): State<ApiState>,
    caller: Manager,
    Id(id): Id<ApiKeyId>,
    creation: Creation,
    body: Body,
) -> Result<Response, ApiError> {
    let bytes = read_body(body, BODY_MAX_BYTES, "a rotation has at most 4 KiB").await?;
    let asked = parse_or(&bytes, RotateBody { overlap_seconds: a_day() })?;
    if asked.overlap_seconds > OVERLAP_MAX_SECS {
        return Err(ApiError::invalid_field("overlap_seconds", "is 0 to 2592000"));
    }
    let old = ensure_may_end(&state, &caller, id).await?;
    let plan = KeyPlan { name: old.name, rights: old.rights, expires_at: old.expires_at };
    let made = make(&state, caller.tenant, creation, plan).await?;
    state.store.api_keys().end(caller.tenant, id, asked.overlap_seconds).await?;
    Ok(made)
}
