//! What stands before the routes. One layer for each kind of them and one for all, however much is looked at: axum clones
//! and boxes everything behind a layer for every request.

use std::panic::AssertUnwindSafe;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use runtime::Shutdown;
use tokio::time::{Instant, timeout};

use crate::extract::{admit, idempotent};
use crate::{ApiError, ApiState};

/// Before what creates: it may be repeated under an Idempotency-Key.
pub async fn creating(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    match admit(&state, &mut request).await {
        Ok(admitted) => admitted.tell(in_time(&state, idempotent(&state, request, next)).await),
        Err(refusal) => *refusal,
    }
}

pub async fn answering(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    match admit(&state, &mut request).await {
        Ok(admitted) => admitted.tell(in_time(&state, next.run(request)).await),
        Err(refusal) => *refusal,
    }
}

/// Before what takes or gives as long as it likes, within bounds of its own.
pub async fn streaming(
    State((state, shutdown)): State<(ApiState, Shutdown)>,
    mut request: Request,
    next: Next,
) -> Response {
    request.extensions_mut().insert(shutdown);
    match admit(&state, &mut request).await {
        Ok(admitted) => admitted.tell(next.run(request).await),
        Err(refusal) => *refusal,
    }
}

/// The request's body included.
async fn in_time(state: &ApiState, answer: impl Future<Output = Response>) -> Response {
    timeout(state.options.answer_within, answer).await.unwrap_or_else(|_| ApiError::unavailable().into_response())
}

/// Before everything: counts and times it, and answers where a handler panics.
pub async fn watch(request: Request, next: Next) -> Response {
    let route =
        request.extensions().get::<MatchedPath>().map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    // A stranger may invent methods; a label may not grow with them.
    let method = match *request.method() {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    };
    let since = Instant::now();
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let response =
        answered.unwrap_or_else(|_| ApiError::internal(&anyhow::anyhow!("a handler panicked")).into_response());
    let status = response.status().as_u16().to_string();
    metrics::counter!("postfleet_http_requests_total", "route" => route.clone(), "method" => method, "status" => status).increment(1);
    metrics::histogram!("postfleet_http_request_seconds", "route" => route).record(since.elapsed().as_secs_f64());
    response
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::http::StatusCode;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use tower::util::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_handler_that_panics_is_answered_for_without_a_word_of_why() -> anyhow::Result<()> {
        async fn panics() -> &'static str {
            panic!("ann@example.com")
        }
        let routes = Router::new().route("/", get(panics)).layer(from_fn(watch));
        let answer = routes.oneshot(Request::get("/").body(Body::empty())?).await?;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let told = to_bytes(answer.into_body(), 10_000).await?;
        let told: serde_json::Value = serde_json::from_slice(&told)?;
        assert_eq!(told["error"]["code"], "internal", "{told}");
        assert!(!told.to_string().contains("ann@"));
        Ok(())
    }
}
