use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use runtime::Shutdown;
use runtime::pulse::watch_pulse;
use tokio::net::TcpListener;

use crate::{ApiState, router};

/// A client that never finishes its request must not keep the process.
const FINISH_WITHIN: Duration = Duration::from_secs(4);

/// Serves the public listener until shutdown, then finishes what was begun.
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
    let health = Router::new().route("/livez", get(|| async { "alive\n" })).route(
        "/readyz",
        get({
            let store = state.store.clone();
            move || async move {
                match store.ping().await {
                    Ok(()) => (axum::http::StatusCode::OK, "ready\n"),
                    Err(_) => (axum::http::StatusCode::SERVICE_UNAVAILABLE, "Postgres does not answer\n"),
                }
            }
        }),
    );
    let routes = router(state).merge(health);
    let stopping = shutdown.clone();
    let serving = axum::serve(listener, routes).with_graceful_shutdown(async move { stopping.begun().await });
    tokio::select! {
        served = serving => served?,
        () = async { shutdown.begun().await; tokio::time::sleep(FINISH_WITHIN).await } => {
            tracing::warn!("stopped with connections still open");
        }
    }
    Ok(())
}
