use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use domain::events::EventDraft;
use domain::ids::{EnrollmentId, EventId};
use serde::Serialize;
use store::events::{EventSource, Ingested};
use utoipa::ToSchema;

use crate::error::Failures;
use crate::extract::{Creation, Mailer, parse, read_body};
use crate::tell_feeder::tell_feeder;
use crate::{ApiError, ApiState};

const BODY_MAX_BYTES: usize = 128 * 1024;

/// What became of an event.
#[derive(Serialize, ToSchema)]
pub struct EventView {
    /// Null where it was told before.
    id: Option<EventId>,
    /// It was told before, and changed nothing.
    known: bool,
    /// Whom it was told to.
    enrollments: Vec<EnrollmentId>,
    /// Messages that were canceled by it.
    messages_canceled: u64,
}

/// Tell what a contact did.
///
/// When this answers, it is stored and has had its effect: after a conversion or an unsubscription nothing more of what was
/// scheduled leaves, and what is queued loses its compare-and-set. Told again with the same `event_id`, or under the same
/// Idempotency-Key, it counts once.
#[utoipa::path(post, path = "/v1/events", tag = "events", operation_id = "create_event",
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255)),
    request_body = EventDraft, security(("api_key" = ["send"])),
    responses((status = 202, body = EventView), Failures))]
pub async fn create(
    State(state): State<ApiState>,
    caller: Mailer,
    creation: Creation,
    body: Body,
) -> Result<(StatusCode, Json<EventView>), ApiError> {
    let bytes = read_body(body, BODY_MAX_BYTES, "an event has at most 128 KiB").await?;
    let draft: EventDraft = parse(&bytes)?;
    let now = state.clock.now().ok_or_else(ApiError::unavailable)?;
    let event = draft.validate(now).map_err(|problems| ApiError::invalid_request(&problems))?;
    let id: EventId = creation.id(&state);
    let (source, ids) = (EventSource { name: "api", id: id.uuid() }, state.ids.clone());
    let told = state.store.events().ingest_event(caller.tenant, id, source, &event, &|| ids.next()).await?;
    let view = match told {
        Ingested::Yes { event, enrollments, kept } => {
            tell_feeder(&state, caller.tenant, &kept).await;
            EventView { id: Some(event), known: false, enrollments, messages_canceled: kept.canceled }
        }
        Ingested::Known => EventView { id: None, known: true, enrollments: Vec::new(), messages_canceled: 0 },
        Ingested::Nobodys => return Err(ApiError::not_found("you have no such contact, enrollment or message")),
    };
    Ok((StatusCode::ACCEPTED, Json(view)))
}
