use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use store::{IdempotencyAnswer, IdempotentRequest};
use uuid::Uuid;

use super::{Caller, read_body};
use crate::{ApiError, ApiState};

/// Longest a request runs; who has not answered by then is dead, and a repeat takes over.
const LOCK_SECS: f64 = 35.0;
const KEY_MAX_BYTES: usize = 255;
/// The largest body that any creating route takes.
const BODY_MAX_BYTES: usize = 16 * 1024 * 1024;
/// A thousand refusals with all their problems.
const ANSWER_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Under which id a request creates, where it brought an idempotency key: one that is repeated after a crash in the
/// middle creates nothing twice.
#[derive(Debug, Clone, Copy, Default)]
pub struct Creation(Option<Uuid>);

impl Creation {
    pub fn id<T: From<Uuid>>(self, state: &ApiState) -> T {
        self.0.map_or_else(|| state.ids.next(), T::from)
    }

    /// For the message at a place of the request, where it has no dedupe key of its own.
    pub fn dedupe_hash(self, at: usize) -> Option<[u8; 32]> {
        let id = self.0?;
        Some(
            Sha256::new()
                .chain_update(b"idempotent")
                .chain_update(id.as_bytes())
                .chain_update(at.to_be_bytes())
                .finalize()
                .into(),
        )
    }
}

impl<S: Sync> FromRequestParts<S> for Creation {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().copied().unwrap_or_default())
    }
}

/// What is kept for repeats in place of an answer that shows a secret.
#[derive(Debug, Clone)]
pub struct KeepInstead(pub Vec<u8>);

/// For every route that creates: a repeat with the same key and the same request gets the same answer.
pub async fn idempotent(state: &ApiState, mut request: Request, next: Next) -> Response {
    let key = match given_key(request.headers()) {
        Ok(Some(key)) => key,
        Ok(None) => return next.run(request).await,
        Err(error) => return error.into_response(),
    };
    let (mut parts, body) = request.into_parts();
    let caller = match Caller::from_request_parts(&mut parts, state).await {
        Ok(caller) => caller,
        Err(error) => return error.into_response(),
    };
    let bytes = match read_body(body, BODY_MAX_BYTES, "a request has at most 16 MiB").await {
        Ok(bytes) => bytes,
        Err(error) => return error.into_response(),
    };
    let told = IdempotentRequest {
        key_hash: Sha256::digest(key.as_bytes()).into(),
        request_hash: Sha256::new()
            // Another key may not do the same: it neither gets this one's answer nor takes its request over.
            .chain_update(caller.key.uuid().as_bytes())
            .chain_update(parts.method.as_str())
            .chain_update([0])
            .chain_update(parts.uri.to_string())
            .chain_update([0])
            .chain_update(&bytes)
            .finalize()
            .into(),
    };
    let fresh: Uuid = state.ids.next();
    let claimed = state.store.idempotency().claim(caller.tenant, &told, fresh, LOCK_SECS).await;
    let id = match claimed.map_err(ApiError::from) {
        Ok(IdempotencyAnswer::Run(id)) => id,
        Ok(IdempotencyAnswer::InProgress) => return ApiError::idempotency_conflict().into_response(),
        Ok(IdempotencyAnswer::OtherRequest) => return ApiError::idempotency_reuse().into_response(),
        Ok(IdempotencyAnswer::Done { status, body }) => return repeated(status, body),
        Err(error) => return error.into_response(),
    };
    request = Request::from_parts(parts, Body::from(bytes));
    request.extensions_mut().insert(Creation(Some(id)));
    let response = next.run(request).await;
    finish(state, &caller, &told, Run { id, is_takeover: id != fresh }, response).await
}

struct Run {
    id: Uuid,
    /// Somebody began it, and may have created before he died.
    is_takeover: bool,
}

/// Keeps what was created; lets a key go whose request came to nothing.
async fn finish(state: &ApiState, caller: &Caller, told: &IdempotentRequest, run: Run, response: Response) -> Response {
    let (keys, id) = (state.store.idempotency(), run.id);
    let (parts, body) = response.into_parts();
    let body = match to_bytes(body, ANSWER_MAX_BYTES).await {
        Ok(body) => body,
        Err(error) => return ApiError::internal(&error.into()).into_response(),
    };
    let shows_secret = parts.extensions.get::<KeepInstead>();
    let kept = if parts.status.is_success() {
        let instead = shows_secret.map_or(&body[..], |instead| &instead.0);
        keys.keep(caller.tenant, &told.key_hash, id, parts.status.as_u16(), instead).await
    } else if parts.status.is_server_error() || run.is_takeover {
        keys.let_go(caller.tenant, &told.key_hash, id).await
    } else {
        keys.forget(caller.tenant, &told.key_hash, id).await
    };
    if let Err(error) = kept {
        tracing::warn!(error = &error as &dyn std::error::Error, "the answer to a repeatable request was not kept");
        // A repeat would make another secret under the same id: this one must not be in anybody's hands.
        if shows_secret.is_some() {
            return ApiError::unavailable().into_response();
        }
    }
    Response::from_parts(parts, Body::from(body))
}

fn repeated(status: u16, body: Vec<u8>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let replayed = (HeaderName::from_static("idempotency-replayed"), HeaderValue::from_static("true"));
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json")), replayed], body).into_response()
}

fn given_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(given) = headers.get("idempotency-key").or_else(|| headers.get("x-idempotency-key")) else {
        return Ok(None);
    };
    match given.to_str() {
        Ok(key) if (1..=KEY_MAX_BYTES).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(ApiError::invalid_field("Idempotency-Key", "has 1 to 255 visible ASCII characters")),
    }
}
