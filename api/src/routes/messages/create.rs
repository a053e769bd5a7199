use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use domain::messages::draft::{MESSAGE_MAX_BYTES, MessageDraft, NewMessage};

use super::KnownSenders;
use crate::enqueue::enqueue;
use crate::extract::{Caller, parse, read_body};
use crate::views::AcceptedView;
use crate::{ApiError, ApiState};

/// `POST /v1/messages`: accepts one message. 202 means that it is stored; a repeated dedupe key answers with the first.
pub async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    body: Body,
) -> Result<(StatusCode, Json<AcceptedView>), ApiError> {
    let bytes = read_body(body, MESSAGE_MAX_BYTES, "a message has at most 256 KiB").await?;
    let message = check(&state, parse(&bytes)?)?;
    if !KnownSenders::usable(&state, caller.tenant, &[message.sender]).await?.contains(&message.sender) {
        return Err(unknown_sender());
    }
    let stored = enqueue(&state, caller.tenant, vec![message]).await?;
    let accepted = stored.first().copied().ok_or_else(ApiError::unavailable)?;
    Ok((StatusCode::ACCEPTED, Json(AcceptedView::from(accepted))))
}

pub(super) fn check(state: &ApiState, draft: MessageDraft) -> Result<NewMessage, ApiError> {
    let now = state.clock.now().ok_or_else(ApiError::unavailable)?;
    Ok(draft.validate(now)?)
}

pub(super) fn unknown_sender() -> ApiError {
    ApiError::invalid_field("sender", "you have no such sender")
}
