use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use domain::ids::WorkerId;
use runtime::Shutdown;
use store::fleet::WorkerEnd;
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Parts;
use crate::reconcilers::pools;

/// How a worker process is started.
#[derive(Debug, Clone)]
pub struct SpawnPlan {
    pub program: PathBuf,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    /// What a worker is given to drain before it is ended.
    pub drain: Duration,
}

/// Keeps a number of worker processes running.
pub struct Supervisor {
    pub parts: Parts,
    pub plan: SpawnPlan,
    pub workers: u32,
}

/// First pause before a restart; doubles while a worker dies young, and stays under the five seconds promised.
const RESTART_FIRST: Duration = Duration::from_millis(100);
const RESTART_CEILING: Duration = Duration::from_secs(4);
/// A worker that lived this long did not die of its start.
const OLD: Duration = Duration::from_secs(30);
/// Beyond its drain, before a worker is ended by force.
const PATIENCE: Duration = Duration::from_secs(5);

impl Supervisor {
    pub async fn keep_running(self, shutdown: Shutdown) {
        let mut places = JoinSet::new();
        for place in 0..self.workers {
            places.spawn(keep_one(place, self.parts.clone(), self.plan.clone(), shutdown.clone()));
        }
        while places.join_next().await.is_some() {}
    }
}

async fn keep_one(place: u32, parts: Parts, plan: SpawnPlan, shutdown: Shutdown) {
    let mut pause = RESTART_FIRST;
    while !shutdown.is_begun() {
        let worker: WorkerId = parts.ids.next();
        let since = Instant::now();
        match start(&plan, worker) {
            Ok((mut child, parent_is_here)) => {
                tracing::info!(%worker, place, pid = child.id(), "started a worker");
                tokio::select! {
                    status = child.wait() => {
                        tracing::warn!(%worker, place, status = ?status.ok(), "a worker ended");
                        metrics::counter!("postfleet_worker_restarts_total").increment(1);
                        // Not waited for: a database that is away must not delay the restart.
                        tokio::spawn(write_off(parts.clone(), worker));
                    }
                    () = shutdown.begun() => {
                        drop(parent_is_here);
                        stop(child, plan.drain).await;
                        return;
                    }
                }
            }
            Err(error) => tracing::error!(%error, place, "could not start a worker"),
        }
        pause = if since.elapsed() > OLD { RESTART_FIRST } else { pause };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shutdown.begun() => return,
        }
        pause = (pause * 2).min(RESTART_CEILING);
    }
}

/// The pipe closes when we are gone, however that happens; the worker stops then.
fn start(plan: &SpawnPlan, worker: WorkerId) -> std::io::Result<(Child, Option<ChildStdin>)> {
    let mut child = Command::new(&plan.program)
        .args(&plan.args)
        .envs(plan.env.iter().map(|(name, value)| (name, value)))
        .env("POSTFLEET_WORKER_ID", worker.to_string())
        .env("POSTFLEET_STOP_WITH_PARENT", "true")
        .stdin(Stdio::piped())
        .kill_on_drop(false)
        .spawn()?;
    // Waiting for a child would close a pipe that is still its own.
    let pipe = child.stdin.take();
    Ok((child, pipe))
}

/// It is seen to be dead, so nobody need wait for its leases or its heartbeat.
async fn write_off(parts: Parts, worker: WorkerId) {
    if let Err(error) = parts.store.workers().end(worker, WorkerEnd::Lost).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "its silence will show it instead");
    }
    for pool in pools() {
        if let Err(error) = parts.queue.forfeit(&pool, worker).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "its leases run out instead");
        }
    }
    if let Err(error) = parts.limits.forfeit_connections(worker).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "its connections are free in a few seconds instead");
    }
}

/// Its pipe is closed, which tells it to stop. A signal on top could be its second, where a terminal or a process
/// manager sent the first to the whole group; and a second one ends it at once.
async fn stop(mut child: Child, drain: Duration) {
    if tokio::time::timeout(drain + PATIENCE, child.wait()).await.is_err() {
        tracing::warn!("a worker did not stop in time and is ended");
        let _ = child.kill().await;
    }
}
