use std::convert::Infallible;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, StreamExt};
use runtime::Shutdown;

use crate::error::Failures;
use crate::extract::Reader;
use crate::{ApiError, ApiState};

const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// Watch what happens to your messages.
///
/// Server-sent events, `data: [{"message", "outcome", "class"}, …]`, from now on, for a terminal or a screen. They
/// are told once and not kept: what must not be missed is read from the messages.
#[utoipa::path(get, path = "/v1/events/stream", tag = "messages", operation_id = "stream_events",
    security(("api_key" = ["read"])),
    responses((status = 200, content_type = "text/event-stream", body = String), Failures))]
pub async fn stream(
    State(state): State<ApiState>,
    Extension(shutdown): Extension<Shutdown>,
    caller: Reader,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let channel = state.queue.keys().live_events(caller.tenant);
    let subscribed = state.queue.link().subscribe(&channel).await.map_err(|_| ApiError::unavailable())?;
    let told = subscribed.into_on_message().filter_map(async |message| {
        let text: String = message.get_payload().ok()?;
        Some(Ok(Event::default().data(text)))
    });
    let until_stopped = async move { shutdown.begun().await };
    Ok(Sse::new(told.take_until(Box::pin(until_stopped))).keep_alive(KeepAlive::new().interval(ALIVE_EVERY)))
}
