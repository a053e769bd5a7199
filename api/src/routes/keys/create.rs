use axum::body::Body;
use axum::extract::State;
use axum::response::Response;

use super::make::{KeyDraft, make};
use crate::error::Failures;
use crate::extract::{Creation, Manager};
use crate::views::NewKeyView;
use crate::{ApiError, ApiState};

/// Create an API key.
///
/// It is shown this once: only its hash is kept.
#[utoipa::path(post, path = "/v1/keys", tag = "keys", operation_id = "create_key",
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255)),
    request_body = KeyDraft, security(("api_key" = ["manage"])),
    responses((status = 201, body = NewKeyView), Failures))]
pub async fn create(
    State(state): State<ApiState>,
    caller: Manager,
    creation: Creation,
    body: Body,
) -> Result<Response, ApiError> {
    let plan = KeyDraft::read(&state, &caller, body).await?;
    make(&state, caller.tenant, creation, plan).await
}
