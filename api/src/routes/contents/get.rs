use axum::Json;
use axum::extract::State;
use domain::ids::ContentId;

use crate::error::Failures;
use crate::extract::{Id, Named, Reader};
use crate::views::ContentBody;
use crate::{ApiError, ApiState};

/// See a template.
#[utoipa::path(get, path = "/v1/contents/{id}", tag = "contents", operation_id = "get_content",
    params(("id" = ContentId, Path)), security(("api_key" = ["read"])),
    responses((status = 200, body = ContentBody), Failures))]
pub async fn get(
    State(state): State<ApiState>,
    caller: Reader,
    Id(id): Id<ContentId>,
) -> Result<Json<ContentBody>, ApiError> {
    let found = state.store.contents().find(caller.tenant, id).await?.ok_or_else(ContentId::missing)?;
    Ok(Json(found.into()))
}
