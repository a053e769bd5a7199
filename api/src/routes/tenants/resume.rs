use axum::Json;
use axum::extract::State;
use domain::ids::TenantId;

use crate::error::Failures;
use crate::extract::{Id, Named, Operator};
use crate::pausing::{Paused, resume as resume_it};
use crate::views::PauseView;
use crate::{ApiError, ApiState};

/// Let the sending of a tenant go on where it stood.
#[utoipa::path(post, path = "/v1/tenants/{id}/resume", tag = "operator", operation_id = "resume_tenant",
    params(("id" = TenantId, Path)), security(("api_key" = ["operator"])),
    responses((status = 200, body = PauseView), Failures))]
pub async fn resume(
    State(state): State<ApiState>,
    _: Operator,
    Id(id): Id<TenantId>,
) -> Result<Json<PauseView>, ApiError> {
    let answer = resume_it(&state.store, Paused::Tenant(id), true).await?;
    PauseView::resumed(answer)?.map(Json).ok_or_else(TenantId::missing)
}
