use axum::Json;
use axum::extract::State;
use domain::ids::TenantId;

use crate::error::Failures;
use crate::extract::{Id, Named, Operator};
use crate::views::TenantBody;
use crate::{ApiError, ApiState};

/// See a tenant.
#[utoipa::path(get, path = "/v1/tenants/{id}", tag = "operator", operation_id = "get_tenant",
    params(("id" = TenantId, Path)), security(("api_key" = ["operator"])),
    responses((status = 200, body = TenantBody), Failures))]
pub async fn get(
    State(state): State<ApiState>,
    _: Operator,
    Id(id): Id<TenantId>,
) -> Result<Json<TenantBody>, ApiError> {
    let found = state.store.tenants().find(id).await?.ok_or_else(TenantId::missing)?;
    Ok(Json(found.into()))
}
