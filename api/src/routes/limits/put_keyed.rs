use axum::Json;
use axum::body::Body;
use axum::extract::State;
use domain::limits::{Channel, Scope};

use super::asked_limit::AskedLimit;
use super::put::{NewLimits, set};
use crate::error::Failures;
use crate::views::LimitView;
use crate::{ApiError, ApiState};

/// Set what holds for one domain or sender.
///
/// It holds everywhere within two seconds.
#[utoipa::path(put, path = "/v1/limits/{scope}/{key}", tag = "limits", operation_id = "put_keyed_limit",
    params(("scope" = Scope, Path), ("key" = String, Path, description = "A domain, or a sender's id."),
        ("channel" = Option<Channel>, Query)),
    request_body = NewLimits, security(("api_key" = ["manage"])),
    responses((status = 200, body = LimitView), Failures))]
pub async fn put_keyed(
    State(state): State<ApiState>,
    asked: AskedLimit,
    body: Body,
) -> Result<Json<LimitView>, ApiError> {
    set(&state, &asked, body).await.map(Json)
}
