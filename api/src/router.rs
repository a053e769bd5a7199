use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::time::{Instant, timeout};
use tower_http::catch_panic::CatchPanicLayer;

use crate::routes::{limits, messages, queue, senders, tenant};
use crate::{ApiError, ApiState};

/// Longest a request may take, its body included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Every public route, on one screen.
pub fn router(state: ApiState) -> Router {
    Router::new()
        .route("/v1/messages", post(messages::create))
        .route("/v1/messages/batch", post(messages::create_batch))
        .route("/v1/messages/{id}", get(messages::get))
        .route("/v1/messages/{id}/cancel", post(messages::cancel))
        .route("/v1/queue", get(queue::get))
        .route("/v1/limits", get(limits::list))
        .route("/v1/limits/{scope}", get(limits::get).put(limits::put).delete(limits::remove))
        .route("/v1/limits/{scope}/{key}", get(limits::get).put(limits::put).delete(limits::remove))
        .route("/v1/senders/{id}/pause", post(senders::pause))
        .route("/v1/senders/{id}/resume", post(senders::resume))
        .route("/v1/tenant/pause", post(tenant::pause))
        .route("/v1/tenant/resume", post(tenant::resume))
        .fallback(|| async { ApiError::not_found("there is no such route") })
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .layer(from_fn(measure))
        .layer(from_fn(limit_time))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            ApiError::internal(&anyhow::anyhow!("a handler panicked")).into_response()
        }))
        .with_state(state)
}

async fn limit_time(request: Request, next: Next) -> Response {
    timeout(REQUEST_TIMEOUT, next.run(request)).await.unwrap_or_else(|_| ApiError::unavailable().into_response())
}

async fn measure(request: Request, next: Next) -> Response {
    let route =
        request.extensions().get::<MatchedPath>().map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    // A stranger may invent methods; a label may not grow with them.
    let method = match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known.to_owned(),
        _ => "other".to_owned(),
    };
    let since = Instant::now();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    metrics::counter!("postfleet_http_requests_total", "route" => route.clone(), "method" => method, "status" => status).increment(1);
    metrics::histogram!("postfleet_http_request_seconds", "route" => route).record(since.elapsed().as_secs_f64());
    response
}
