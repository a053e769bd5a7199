//! `/u/{token}`: GET shows a page and changes nothing, since scanners follow every link; POST unsubscribes (RFC 8058).

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono::Utc;
use domain::events::{EventKind, NewEvent};
use serde_json::Map;
use store::UnsubscribeToken;
use store::events::EventSource;

use crate::tell_feeder::tell_feeder;
use crate::{ApiError, ApiState};

const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub fn routes() -> Router<ApiState> {
    Router::new().route("/u/{token}", get(show).post(unsubscribe))
}

async fn show(State(state): State<ApiState>, Path(token): Path<String>) -> Result<Response, ApiError> {
    let Ok(token) = token.parse::<UnsubscribeToken>() else { return Ok(unknown()) };
    let Some(facts) = state.store.enrollments().by_token_all_tenants(&token).await? else { return Ok(unknown()) };
    if facts.suppressed {
        return Ok(page(StatusCode::OK, "You are unsubscribed", "No more mail will be sent to you.", false));
    }
    let text = format!("{} will send no more mail to {}.", escaped(&facts.tenant_name), escaped(&facts.address));
    Ok(page(StatusCode::OK, "Unsubscribe?", &text, true))
}

/// Safe to repeat: the second time there is nothing left to stop.
async fn unsubscribe(State(state): State<ApiState>, Path(token): Path<String>) -> Result<Response, ApiError> {
    let Ok(token) = token.parse::<UnsubscribeToken>() else { return Ok(unknown()) };
    let Some(facts) = state.store.enrollments().by_token_all_tenants(&token).await? else { return Ok(unknown()) };
    let now = state.clock.now().ok_or_else(ApiError::unavailable)?;
    let event = NewEvent {
        kind: EventKind::Unsubscribed,
        address: None,
        campaign: None,
        enrollment: Some(token.enrollment),
        message: None,
        occurred_at: now.with_timezone(&Utc),
        // Once a minute: who is let back in and leaves again must be heard again.
        event_id: Some(format!("{}/{}", token.enrollment, now.format("%Y-%m-%dT%H:%M"))),
        metadata: Map::new(),
    };
    let (source, ids) = (EventSource { name: "link", id: token.enrollment.uuid() }, state.ids.clone());
    let told =
        state.store.events().ingest_event(facts.tenant, state.ids.next(), source, &event, &|| ids.next()).await?;
    if let store::events::Ingested::Yes { kept, .. } = told {
        tell_feeder(&state, facts.tenant, &kept).await;
    }
    Ok(page(StatusCode::OK, "You are unsubscribed", "No more mail will be sent to you.", false))
}

fn unknown() -> Response {
    page(StatusCode::NOT_FOUND, "Unknown link", "This link is not complete, or is not one of ours.", false)
}

fn page(status: StatusCode, title: &str, text: &str, asks: bool) -> Response {
    let button = if asks { "<form method=\"post\"><button>Unsubscribe</button></form>" } else { "" };
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"robots\" content=\"noindex\"><title>{title}</title>\
         <style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem}}\
         button{{font:inherit;padding:.6rem 1.4rem}}</style><h1>{title}</h1><p>{text}</p>{button}</html>"
    );
    let headers: [(HeaderName, HeaderValue); 5] = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, html).into_response()
}

/// As text in HTML.
fn escaped(text: &str) -> String {
    let escape = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_named_is_text_and_no_markup() {
        assert_eq!(escaped("<b>A & \"B\"</b>"), "&lt;b&gt;A &amp; &quot;B&quot;&lt;/b&gt;");
    }
}
