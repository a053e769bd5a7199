use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use runtime::Shutdown;
use runtime::pulse::watch_pulse;
use tokio::net::TcpListener;

use crate::serve::serve;
use crate::{ApiState, router};

/// Serves the public listener until shutdown.
pub async fn run(listener: TcpListener, state: ApiState, shutdown: Shutdown) -> anyhow::Result<()> {
    let address: SocketAddr = listener.local_addr()?;
    tracing::info!(%address, "the API is served here");
    tokio::spawn(watch_pulse(
        state.store.clone(),
        state.queue.clone(),
        state.limits.clone(),
        state.clock.clone(),
        shutdown.clone(),
    ));
    let (kept, noting) = (state.clone(), shutdown.clone());
    let noted = tokio::spawn(async move { kept.keys.note_uses(kept.store.clone(), noting).await });
    let health = Router::new().route("/livez", get(|| async { "alive\n" })).route(
        "/readyz",
        get({
            let store = state.health.clone();
            move || async move {
                match store.ping().await {
                    Ok(()) => (axum::http::StatusCode::OK, "ready\n"),
                    Err(_) => (axum::http::StatusCode::SERVICE_UNAVAILABLE, "Postgres does not answer\n"),
                }
            }
        }),
    );
    let routes = router(state.clone(), shutdown.clone()).merge(health);
    serve(listener, routes, &state.options, shutdown).await;
    noted.await?;
    Ok(())
}
