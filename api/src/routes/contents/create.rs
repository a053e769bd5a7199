use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use domain::messages::draft::{ContentDraft, MESSAGE_MAX_BYTES};

use crate::error::Failures;
use crate::extract::{Mailer, parse, read_body};
use crate::views::ContentBody;
use crate::{ApiError, ApiState};

/// Store a template.
///
/// It is immutable, and its id is made of what it says: the same template again is the same id. Messages name it as
/// `content`.
#[utoipa::path(post, path = "/v1/contents", tag = "contents", operation_id = "create_content",
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255)),
    request_body = ContentDraft, security(("api_key" = ["send"])),
    responses((status = 201, body = ContentBody), Failures))]
pub async fn create(
    State(state): State<ApiState>,
    caller: Mailer,
    body: Body,
) -> Result<(StatusCode, Json<ContentBody>), ApiError> {
    let bytes = read_body(body, MESSAGE_MAX_BYTES, "a content has at most 256 KiB").await?;
    let draft: ContentDraft = parse(&bytes)?;
    let stored = state.store.contents().put(caller.tenant, &draft.validate()?).await?;
    Ok((StatusCode::CREATED, Json(stored.into())))
}
