use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use domain::ids::SenderId;
use domain::messages::draft::{BATCH_MAX, MESSAGE_MAX_BYTES, MessageDraft, NewMessage};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::KnownSenders;
use super::create::{check, unknown_sender};
use crate::enqueue::Asked;
use crate::error::Failures;
use crate::extract::{BoundedList, Creation, Mailer, parse, read_body};
use crate::routes::contents::KnownContents;
use crate::views::{BatchItemView, BatchRefusal, BatchView};
use crate::{ApiError, ApiState};

const BATCH_MAX_BYTES: usize = 16 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    messages: BoundedList<Box<RawValue>, BATCH_MAX>,
}

/// What a batch looks like from outside.
#[derive(ToSchema)]
#[schema(example = json!({"messages": [{"sender": "snd_01990000000070008000000000000006", "to": "ann@example.com", "subject": "Hello", "text": "Hello"}]}))]
#[expect(dead_code, reason = "describes what `Batch` reads")]
pub struct BatchDraft {
    #[schema(min_items = 1, max_items = 1000)]
    messages: Vec<MessageDraft>,
}

/// Send up to 1,000 messages.
///
/// Each stands for itself: one that is refused refuses no other. 202 if any was stored, else 400; either way with a
/// result for each, in order.
#[utoipa::path(post, path = "/v1/messages/batch", tag = "messages", operation_id = "create_messages",
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255)),
    request_body = BatchDraft, security(("api_key" = ["send"])),
    responses(Failures, (status = 202, body = BatchView),
        (status = 400, body = BatchRefusal, description = "Nothing was stored: the batch cannot be read, or each message was refused.")))]
pub async fn create_batch(
    State(state): State<ApiState>,
    caller: Mailer,
    creation: Creation,
    body: Body,
) -> Result<(StatusCode, Json<BatchView>), ApiError> {
    let bytes = read_body(body, BATCH_MAX_BYTES, "a batch has at most 16 MiB").await?;
    let batch: Batch = parse(&bytes)?;
    let raws = batch.messages.0;
    if raws.is_empty() {
        return Err(ApiError::invalid_field("messages", format!("a batch has 1 to {BATCH_MAX} messages")));
    }
    // A thousand templates are seconds of compiling: not on a thread that others wait for.
    let drafts: Vec<Result<MessageDraft, ApiError>> =
        blocking(move || raws.iter().map(|raw| read(raw)).collect()).await?;
    let mut known = Vec::with_capacity(drafts.len());
    for draft in drafts {
        known.push(match draft {
            Ok(draft) => Ok((KnownContents::of(&state, caller.tenant, &draft).await?, draft)),
            Err(error) => Err(error),
        });
    }
    let (checking, tenant) = (state.clone(), caller.tenant);
    let checked: Vec<Result<NewMessage, ApiError>> = blocking(move || {
        let check = |(stored, draft)| check(&checking, tenant, draft, stored);
        known.into_iter().map(|known| known.and_then(check)).collect()
    })
    .await?;
    if checked.iter().flat_map(|result| result.as_ref().err()).any(ApiError::is_unavailable) {
        return Err(ApiError::unavailable());
    }
    let mut senders: Vec<SenderId> = checked.iter().flatten().map(|message| message.sender).collect();
    senders.sort_unstable();
    senders.dedup();
    let usable = KnownSenders::usable(&state, caller.tenant, &senders).await?;

    let mut accepted = Vec::new();
    let checked: Vec<Option<ApiError>> = checked
        .into_iter()
        .enumerate()
        .map(|(index, result)| match result {
            Ok(message) if usable.contains(&message.sender) => {
                accepted.push(Asked::new(state.ids.next(), creation, index, message));
                None
            }
            Ok(_) => Some(unknown_sender()),
            Err(error) => Some(error),
        })
        .collect();
    let stored = if accepted.is_empty() {
        Vec::new()
    } else {
        state.enqueuer.enqueue(caller.tenant, accepted).await.map_err(|(error, _)| error)?
    };

    let status = if stored.is_empty() { StatusCode::BAD_REQUEST } else { StatusCode::ACCEPTED };
    let mut stored = stored.into_iter();
    let data = checked.into_iter().enumerate().filter_map(|(index, refused)| match refused {
        Some(error) => Some(BatchItemView::refused(index, &error)),
        None => stored.next().map(|stored| BatchItemView::accepted(index, stored)),
    });
    Ok((status, Json(BatchView { data: data.collect() })))
}

fn read(raw: &RawValue) -> Result<MessageDraft, ApiError> {
    if raw.get().len() > MESSAGE_MAX_BYTES {
        return Err(ApiError::payload_too_large("a message has at most 256 KiB"));
    }
    parse(raw.get().as_bytes())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ApiError::internal(&error.into()))
}
