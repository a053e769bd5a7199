use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use domain::ids::ApiKeyId;
use futures::{Stream, StreamExt};
use runtime::Shutdown;
use tokio::time::timeout;

use crate::error::Failures;
use crate::extract::Reader;
use crate::{ApiError, ApiState};

const ALIVE_EVERY: Duration = Duration::from_secs(15);
const SUBSCRIBED_WITHIN: Duration = Duration::from_secs(3);
/// Who watches is let go as soon as others with his key are.
const KEY_LOOKED_AT_EVERY: Duration = Duration::from_secs(3);

/// Returns when a key is no longer good.
async fn until_ended(state: &ApiState, key: ApiKeyId) {
    loop {
        tokio::time::sleep(KEY_LOOKED_AT_EVERY).await;
        if matches!(state.store.api_keys().find_valid(key).await, Ok(None)) {
            return;
        }
    }
}

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
    let place = Arc::clone(&state.streams).try_acquire_owned().map_err(|_| ApiError::unavailable())?;
    let channel = state.queue.keys().live_events(caller.tenant);
    let subscribed = timeout(SUBSCRIBED_WITHIN, state.queue.link().subscribe(&channel)).await;
    let subscribed = subscribed.ok().and_then(Result::ok).ok_or_else(ApiError::unavailable)?;
    let told = subscribed.into_on_message().filter_map(async |message| {
        let text: String = message.get_payload().ok()?;
        Some(Ok(Event::default().data(text)))
    });
    let key = caller.key;
    let until_stopped = async move {
        tokio::select! {
            () = shutdown.begun() => {}
            () = until_ended(&state, key) => {}
        }
        drop(place);
    };
    Ok(Sse::new(told.take_until(Box::pin(until_stopped))).keep_alive(KeepAlive::new().interval(ALIVE_EVERY)))
}
