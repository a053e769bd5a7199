use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use domain::senders::SenderDraft;

use super::encrypt::encrypt;
use crate::error::Failures;
use crate::extract::{Creation, Manager, parse, read_body};
use crate::views::SenderBody;
use crate::{ApiError, ApiState};

pub(super) const BODY_MAX_BYTES: usize = 16 * 1024;

/// Create a sender: an SMTP account that mail leaves from.
///
/// Its password is kept encrypted and never shown. `POST /v1/senders/{id}/check` says whether the account works.
#[utoipa::path(post, path = "/v1/senders", tag = "senders", operation_id = "create_sender",
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255)),
    request_body = SenderDraft, security(("api_key" = ["manage"])),
    responses((status = 201, body = SenderBody), Failures))]
pub async fn create(
    State(state): State<ApiState>,
    caller: Manager,
    creation: Creation,
    body: Body,
) -> Result<(StatusCode, Json<SenderBody>), ApiError> {
    let bytes = read_body(body, BODY_MAX_BYTES, "a sender has at most 16 KiB").await?;
    let draft: SenderDraft = parse(&bytes)?;
    let checked = draft.validate(false).map_err(|problems| ApiError::invalid_request(&problems))?;
    let id = creation.id(&state);
    let new = encrypt(state.options.keyring.as_ref(), caller.tenant, id, checked, None)?;
    state.store.senders().create(caller.tenant, new).await?;
    let stored = state.store.senders().find(caller.tenant, id).await?.ok_or_else(ApiError::unavailable)?;
    Ok((StatusCode::CREATED, Json(stored.into())))
}
