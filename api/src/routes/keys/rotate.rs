use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use domain::ids::ApiKeyId;
use domain::keys::ApiKey;
use runtime::ids::secret_bytes;
use serde::Deserialize;
use store::RotateAnswer;
use utoipa::ToSchema;

use super::make::shown;
use super::revoke::ensure_may_end;
use crate::error::Failures;
use crate::extract::{Creation, Id, Manager, Named, parse_or, read_body};
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
/// The new one may do what the old one may, for as long; the old one lives on for a while, so that nothing breaks
/// meanwhile. A key is replaced once.
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
    if asked.overlap_seconds == 0 && id == caller.key {
        return Err(ApiError::invalid_field(
            "overlap_seconds",
            "a key cannot end itself before its successor was seen",
        ));
    }
    ensure_may_end(&state, &caller, id).await?;
    let successor = ApiKey::new(creation.id(&state), secret_bytes());
    match state.store.api_keys().rotate(caller.tenant, id, &successor, asked.overlap_seconds).await? {
        RotateAnswer::Rotated(row) => shown(&successor, row),
        RotateAnswer::Ended => Err(ApiError::conflict("the key has ended, or has a successor")),
        RotateAnswer::Missing => Err(ApiKeyId::missing()),
    }
}
