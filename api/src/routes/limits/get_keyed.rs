use axum::Json;
use axum::extract::State;
use domain::limits::{Channel, Scope};

use super::asked_limit::AskedLimit;
use super::get::view;
use crate::error::Failures;
use crate::views::LimitView;
use crate::{ApiError, ApiState};

/// See what holds for one domain or sender.
#[utoipa::path(get, path = "/v1/limits/{scope}/{key}", tag = "limits", operation_id = "get_keyed_limit",
    params(("scope" = Scope, Path), ("key" = String, Path, description = "A domain, or a sender's id."),
        ("channel" = Option<Channel>, Query)),
    security(("api_key" = ["read"])), responses((status = 200, body = LimitView), Failures))]
pub async fn get_keyed(State(state): State<ApiState>, asked: AskedLimit) -> Result<Json<LimitView>, ApiError> {
    view(&state, &asked).await.map(Json)
}
