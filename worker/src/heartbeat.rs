use std::time::Duration;

use store::Store;
use store::fleet::{NewWorker, WorkerEnd};
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(2);

/// Says every two seconds that this worker lives, over a connection of its own: a busy pool must not look like death.
pub async fn beat(store: Store, worker: NewWorker, stopping: CancellationToken, gone: CancellationToken) {
    let mut registered = false;
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = gone.cancelled() => break,
        }
        let workers = store.workers();
        let told = if registered {
            workers.beat(worker.id, stopping.is_cancelled()).await
        } else {
            workers.register(&worker).await.map(|()| registered = true)
        };
        if let Err(error) = told {
            tracing::warn!(error = &error as &dyn std::error::Error, "the heartbeat did not reach Postgres");
        }
    }
    if let Err(error) = store.workers().end(worker.id, WorkerEnd::Stopped).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "could not sign off");
    }
}
