//! The listener: bounded in connections, and patient with nobody for ever.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use runtime::Shutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutWriter;

use crate::ApiOptions;

/// A head of a request that does not fit is refused with 431. It may be twice as long, as reads overlap the bound.
const HEAD_MAX_BYTES: usize = 64 * 1024;
const HEADERS_MAX: usize = 64;
/// A client that never finishes its request must not keep the process.
const FINISH_WITHIN: Duration = Duration::from_secs(4);
/// After a failure to accept (too many open files), so that it does not spin.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Serves until shutdown, then finishes what was begun.
pub async fn serve(listener: TcpListener, routes: Router, options: &ApiOptions, shutdown: Shutdown) {
    let permits = Arc::new(Semaphore::new(options.connections_max));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(options.patience)
        .max_buf_size(HEAD_MAX_BYTES)
        .max_headers(HEADERS_MAX);
    let stopped = shutdown.begun();
    tokio::pin!(stopped);
    loop {
        let accepted = tokio::select! {
            // Beyond its share, connections wait in the kernel's backlog.
            accepted = async {
                let permit = Arc::clone(&permits).acquire_owned().await;
                (listener.accept().await, permit)
            } => accepted,
            () = &mut stopped => break,
        };
        let (stream, permit) = match accepted {
            (Ok((stream, _)), Ok(permit)) => (stream, permit),
            _ => {
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        // Who does not take his answer is let go.
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(options.patience));
        let service = TowerToHyperService::new(routes.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(Box::pin(stream)), service));
        metrics::gauge!("postfleet_http_connections").increment(1.0);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            metrics::gauge!("postfleet_http_connections").decrement(1.0);
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(FINISH_WITHIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("stopped with connections still open");
    }
}
