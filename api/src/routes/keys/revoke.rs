use axum::extract::State;
use axum::http::StatusCode;
use domain::ids::ApiKeyId;

use crate::error::Failures;
use crate::extract::{Id, Manager, Named};
use crate::{ApiError, ApiState};

/// End an API key.
///
/// It is refused everywhere within five seconds.
#[utoipa::path(delete, path = "/v1/keys/{id}", tag = "keys", operation_id = "revoke_key",
    params(("id" = ApiKeyId, Path)), security(("api_key" = ["manage"])),
    responses((status = 204), Failures))]
pub async fn revoke(
    State(state): State<ApiState>,
    caller: Manager,
    Id(id): Id<ApiKeyId>,
) -> Result<StatusCode, ApiError> {
    ensure_may_end(&state, &caller, id).await?;
    if state.store.api_keys().revoke(caller.tenant, id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiKeyId::missing())
    }
}

/// Nobody ends a key that may do more than his own.
pub(super) async fn ensure_may_end(state: &ApiState, caller: &Manager, id: ApiKeyId) -> Result<(), ApiError> {
    let row = state.store.api_keys().find(caller.tenant, id).await?.ok_or_else(ApiKeyId::missing)?;
    if caller.rights.may_give(&row.rights) {
        Ok(())
    } else {
        Err(ApiError::forbidden("a key cannot end one that may do more than itself"))
    }
}
