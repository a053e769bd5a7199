use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Tells every part of a process to stop.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(CancellationToken);

/// Exit status of a process that was told twice.
const HURRIED: i32 = 130;

impl Shutdown {
    /// Stops on SIGTERM or SIGINT. A second signal ends the process at once: what was in flight shows as uncertain.
    pub fn on_signals() -> std::io::Result<Self> {
        let shutdown = Self::default();
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let token = shutdown.0.clone();
        tokio::spawn(async move {
            let mut next = async || {
                tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
            };
            next().await;
            tracing::info!("stopping; a second signal stops at once");
            token.cancel();
            next().await;
            std::process::exit(HURRIED);
        });
        Ok(shutdown)
    }

    pub fn begin(&self) {
        self.0.cancel();
    }

    pub fn is_begun(&self) -> bool {
        self.0.is_cancelled()
    }

    pub async fn begun(&self) {
        self.0.cancelled().await;
    }

    pub fn token(&self) -> CancellationToken {
        self.0.clone()
    }
}
