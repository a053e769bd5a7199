use runtime::{DatabaseClock, Shutdown};
use tokio::task::JoinSet;

use crate::reconciler::keep_reconciling;
use crate::{Parts, Supervisor, reconcilers};

/// Runs until shutdown. Any number may run; one leads where it must.
pub async fn run(parts: Parts, supervisor: Option<Supervisor>, shutdown: Shutdown) -> anyhow::Result<()> {
    let mut tasks = JoinSet::new();
    let beating = parts.clone();
    tasks.spawn(runtime::pulse::watch_pulse_unless(
        move || beating.signs().is_some(),
        parts.store.clone(),
        parts.queue.clone(),
        parts.limits.clone(),
        DatabaseClock::default(),
        shutdown.clone(),
    ));
    for reconciler in reconcilers(&parts) {
        tasks.spawn(keep_reconciling(reconciler, shutdown.clone()));
    }
    tasks.spawn(parts.leadership.clone().keep_standing(shutdown.clone()));
    if let Some(supervisor) = supervisor {
        tasks.spawn(supervisor.keep_running(shutdown.clone()));
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            shutdown.begin();
            anyhow::bail!("a part of the orchestrator panicked: {error}");
        }
    }
    Ok(())
}
