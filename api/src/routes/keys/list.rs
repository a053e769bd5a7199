use axum::Json;
use axum::extract::State;

use crate::error::Failures;
use crate::extract::{Manager, Page};
use crate::views::KeyView;
use crate::{ApiError, ApiState};

/// List API keys, the newest first, without their secrets.
#[utoipa::path(get, path = "/v1/keys", tag = "keys", operation_id = "list_keys", security(("api_key" = ["manage"])),
    responses((status = 200, body = Page<KeyView>), Failures))]
pub async fn list(State(state): State<ApiState>, caller: Manager) -> Result<Json<Page<KeyView>>, ApiError> {
    let rows = state.store.api_keys().list(caller.tenant).await?;
    Ok(Json(Page { data: rows.into_iter().map(KeyView::from).collect(), next_cursor: None }))
}
