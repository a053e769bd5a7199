use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use domain::messages::resolve_uncertain::UncertainPolicy;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::error::Failures;
use crate::extract::{Creation, Operator, parse, read_body};
use crate::views::TenantBody;
use crate::{ApiError, ApiState};

pub(super) const BODY_MAX_BYTES: usize = 4 * 1024;
const NAME_MAX_CHARS: usize = 200;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "My team", "uncertain_policy": "show"}))]
pub struct TenantDraft {
    /// 1 to 200 characters on one line.
    #[schema(example = "My team")]
    name: String,
    #[serde(default)]
    uncertain_policy: UncertainPolicy,
}

pub(super) fn check_name(name: &str) -> Result<(), ApiError> {
    if (1..=NAME_MAX_CHARS).contains(&name.chars().count()) && !name.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(ApiError::invalid_field("name", "has 1 to 200 characters on one line"))
    }
}

/// Create a tenant.
///
/// `POST /v1/tenants/{id}/keys` makes its first key.
#[utoipa::path(post, path = "/v1/tenants", tag = "operator", operation_id = "create_tenant",
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255)),
    request_body = TenantDraft, security(("api_key" = ["operator"])),
    responses((status = 201, body = TenantBody), Failures))]
pub async fn create(
    State(state): State<ApiState>,
    _: Operator,
    creation: Creation,
    body: Body,
) -> Result<(StatusCode, Json<TenantBody>), ApiError> {
    let bytes = read_body(body, BODY_MAX_BYTES, "a tenant has at most 4 KiB").await?;
    let draft: TenantDraft = parse(&bytes)?;
    check_name(&draft.name)?;
    let id = creation.id(&state);
    state.store.tenants().create(id, &draft.name, draft.uncertain_policy).await?;
    let stored = state.store.tenants().find(id).await?.ok_or_else(ApiError::unavailable)?;
    Ok((StatusCode::CREATED, Json(stored.into())))
}
