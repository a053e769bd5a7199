//! `/openapi.json`, and a page that shows it and loads nothing from elsewhere.

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use utoipa::openapi::OpenApi;

use crate::ApiState;

const PAGE: &str = include_str!("docs_page.html");
/// The page's own script and style, and its own description; nothing else.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub fn routes(described: &OpenApi) -> Router<ApiState> {
    let json = Bytes::from(described.to_json().unwrap_or_default());
    Router::new()
        .route(
            "/openapi.json",
            get(move || async move {
                ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response()
            }),
        )
        .route(
            "/docs",
            get(|| async {
                let headers: [(HeaderName, HeaderValue); 4] = [
                    (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
                    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
                    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
                    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
                ];
                (headers, PAGE)
            }),
        )
}
