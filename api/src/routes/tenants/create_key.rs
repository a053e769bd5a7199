use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use domain::ids::TenantId;

use crate::error::Failures;
use crate::extract::{Creation, Id, Named, Operator};
use crate::routes::keys::make::{KeyDraft, make};
use crate::views::NewKeyView;
use crate::{ApiError, ApiState};

/// Create an API key for a tenant.
///
/// It is shown this once: only its hash is kept.
#[utoipa::path(post, path = "/v1/tenants/{id}/keys", tag = "operator", operation_id = "create_tenant_key",
    params(("id" = TenantId, Path), ("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255)),
    request_body = KeyDraft, security(("api_key" = ["operator"])),
    responses((status = 201, body = NewKeyView), Failures))]
pub async fn create_key(
    State(state): State<ApiState>,
    caller: Operator,
    Id(tenant): Id<TenantId>,
    creation: Creation,
    body: Body,
) -> Result<Response, ApiError> {
    let plan = KeyDraft::read(&state, &caller, body).await?;
    if !state.store.tenants().exists(tenant).await? {
        return Err(TenantId::missing());
    }
    make(&state, tenant, creation, plan).await
}
