use axum::Json;
use axum::body::Body;
use axum::extract::State;
use domain::ids::TenantId;
use domain::messages::resolve_uncertain::UncertainPolicy;
use serde::Deserialize;
use utoipa::ToSchema;

use super::create::{BODY_MAX_BYTES, check_name};
use crate::error::Failures;
use crate::extract::{Id, Named, Operator, parse, read_body};
use crate::views::TenantBody;
use crate::{ApiError, ApiState};

/// What changes; a field that is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Our team"}))]
pub struct TenantPatch {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    uncertain_policy: Option<UncertainPolicy>,
}

/// Change a tenant.
#[utoipa::path(patch, path = "/v1/tenants/{id}", tag = "operator", operation_id = "update_tenant",
    params(("id" = TenantId, Path)), request_body = TenantPatch, security(("api_key" = ["operator"])),
    responses((status = 200, body = TenantBody), Failures))]
pub async fn update(
    State(state): State<ApiState>,
    _: Operator,
    Id(id): Id<TenantId>,
    body: Body,
) -> Result<Json<TenantBody>, ApiError> {
    let bytes = read_body(body, BODY_MAX_BYTES, "a tenant has at most 4 KiB").await?;
    let patch: TenantPatch = parse(&bytes)?;
    patch.name.as_deref().map(check_name).transpose()?;
    if !state.store.tenants().update(id, patch.name.as_deref(), patch.uncertain_policy).await? {
        return Err(TenantId::missing());
    }
    let stored = state.store.tenants().find(id).await?.ok_or_else(TenantId::missing)?;
    Ok(Json(stored.into()))
}
