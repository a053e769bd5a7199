use axum::Json;
use axum::extract::State;
use domain::limits::{Channel, Scope};

use super::asked_limit::AskedLimit;
use super::remove::unset;
use crate::error::Failures;
use crate::views::LimitView;
use crate::{ApiError, ApiState};

/// Go back to what holds for all domains or senders.
///
/// Answers what holds now; repeating it changes nothing.
#[utoipa::path(delete, path = "/v1/limits/{scope}/{key}", tag = "limits", operation_id = "remove_keyed_limit",
    params(("scope" = Scope, Path), ("key" = String, Path, description = "A domain, or a sender's id."),
        ("channel" = Option<Channel>, Query)),
    security(("api_key" = ["manage"])), responses((status = 200, body = LimitView), Failures))]
pub async fn remove_keyed(State(state): State<ApiState>, asked: AskedLimit) -> Result<Json<LimitView>, ApiError> {
    unset(&state, &asked).await.map(Json)
}
