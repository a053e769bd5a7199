//! The private listener of every process: is it alive, is it ready, what does it count.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;

use crate::eviction::wrong_eviction_policy;
use crate::{Shutdown, telemetry};

/// What readiness found, by name; `None` is fine.
pub type Findings = Vec<(&'static str, Option<String>)>;
type Check = Arc<dyn Fn() -> futures::future::BoxFuture<'static, Findings> + Send + Sync>;

/// The routes, to be served privately or beside others.
pub fn routes(check: Check) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(|| async { telemetry::metrics().render() }))
        .with_state(check)
}

/// Serves until shutdown; answers the address it got.
pub async fn serve(listen: SocketAddr, check: Check, shutdown: Shutdown) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(listen).await?;
    let address = listener.local_addr()?;
    tracing::info!(%address, "metrics and health are served here");
    tokio::spawn(async move {
        let served = axum::serve(listener, routes(check)).with_graceful_shutdown(async move { shutdown.begun().await });
        if let Err(error) = served.await {
            tracing::error!(%error, "the private listener ended");
        }
    });
    Ok(address)
}

async fn readyz(State(check): State<Check>) -> impl IntoResponse {
    let findings = check().await;
    let ready = findings.iter().all(|(_, problem)| problem.is_none());
    let body: serde_json::Map<String, serde_json::Value> = findings
        .into_iter()
        .map(|(name, problem)| (name.to_owned(), problem.unwrap_or_else(|| "ok".into()).into()))
        .collect();
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body))
}

/// The usual check: Postgres must answer; Redis may be away, and is then named as degraded, but must not be one that
/// throws work away. The store is best one with a connection of its own: a pool in use says nothing about Postgres.
pub fn stores_check(store: store::Store, queue: queue::QueueLink) -> Check {
    Arc::new(move || {
        let (store, queue) = (store.clone(), queue.clone());
        Box::pin(async move {
            let postgres = store.ping().await.err().map(|error| error.to_string());
            let mut redis = None;
            if queue.ping().await.is_err() {
                tracing::debug!("redis does not answer");
                metrics::gauge!("postfleet_redis_up").set(0.0);
            } else {
                metrics::gauge!("postfleet_redis_up").set(1.0);
                redis = wrong_eviction_policy(&queue).await;
            }
            vec![("postgres", postgres), ("redis", redis)]
        })
    })
}
