use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use domain::ids::TenantId;
use domain::messages::Content;
use domain::messages::draft::{MESSAGE_MAX_BYTES, MessageDraft, NewMessage};

use super::KnownSenders;
use crate::enqueue::Asked;
use crate::error::Failures;
use crate::extract::{Creation, Mailer, parse, read_body};
use crate::routes::contents::KnownContents;
use crate::views::AcceptedView;
use crate::{ApiError, ApiState};

/// Send a message.
///
/// 202 means that it is stored: whatever crashes from here on, it is sent once or shown with a reason. A repeated
/// `dedupe_key` answers with the first message.
#[utoipa::path(post, path = "/v1/messages", tag = "messages", operation_id = "create_message",
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255)),
    request_body = MessageDraft, security(("api_key" = ["send"])),
    responses((status = 202, body = AcceptedView), Failures))]
pub async fn create(
    State(state): State<ApiState>,
    caller: Mailer,
    creation: Creation,
    body: Body,
) -> Result<(StatusCode, Json<AcceptedView>), ApiError> {
    let bytes = read_body(body, MESSAGE_MAX_BYTES, "a message has at most 256 KiB").await?;
    let draft: MessageDraft = parse(&bytes)?;
    let stored = KnownContents::of(&state, caller.tenant, &draft).await?;
    let message = check(&state, caller.tenant, draft, stored)?;
    ensure_sender(&state, caller.tenant, &message).await?;
    let accepted = state.intake.accept(caller.tenant, Asked::new(state.ids.next(), creation, 0, message)).await?;
    Ok((StatusCode::ACCEPTED, Json(AcceptedView::from(accepted))))
}

async fn ensure_sender(state: &ApiState, tenant: TenantId, message: &NewMessage) -> Result<(), ApiError> {
    let usable = KnownSenders::usable(state, tenant, &[message.sender]).await?;
    if usable.contains(&message.sender) { Ok(()) } else { Err(unknown_sender()) }
}

pub(super) fn check(
    state: &ApiState,
    tenant: TenantId,
    draft: MessageDraft,
    stored: Option<Arc<Content>>,
) -> Result<NewMessage, ApiError> {
    let now = state.clock.now().ok_or_else(ApiError::unavailable)?;
    Ok(draft.validate_with(now, stored, |written| state.written.check(tenant, written))?)
}

pub(super) fn unknown_sender() -> ApiError {
    ApiError::invalid_field("sender", "you have no such sender, or it is archived")
}
