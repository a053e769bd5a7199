use axum::Json;
use axum::body::Body;
use axum::extract::State;
use domain::ids::TenantId;
use store::OPERATOR;

use crate::error::Failures;
use crate::extract::{Id, Named, Operator};
use crate::pausing::{Paused, pause as pause_it};
use crate::views::{PauseBody, PauseView};
use crate::{ApiError, ApiState};

/// Stop all sending of a tenant.
///
/// Nothing of it leaves after the answer, which takes at most 5.5 s. Only an operator lets it go on.
#[utoipa::path(post, path = "/v1/tenants/{id}/pause", tag = "operator", operation_id = "pause_tenant",
    params(("id" = TenantId, Path)), request_body = Option<PauseBody>, security(("api_key" = ["operator"])),
    responses((status = 200, body = PauseView), Failures))]
pub async fn pause(
    State(state): State<ApiState>,
    _: Operator,
    Id(id): Id<TenantId>,
    body: Body,
) -> Result<Json<PauseView>, ApiError> {
    let reason = PauseBody::read(body).await?.reason;
    let answer = pause_it(&state.store, Paused::Tenant(id), OPERATOR, &reason).await?;
    PauseView::paused(answer).map(Json).ok_or_else(TenantId::missing)
}
