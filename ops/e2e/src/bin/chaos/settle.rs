//! After the last fault everything is whole again, and everything that was accepted must come to an end.

use std::time::{Duration, Instant};

use anyhow::Context;
use sqlx::PgConnection;
use tokio::task::JoinHandle;

use crate::arena::Arena;

/// Without any progress for so long, it has come to none: a throttled sender pauses for 30 s, a request that died in the
/// middle keeps its key for 35 s.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(250);
const STOP_WITHIN: Duration = Duration::from_secs(40);

store::row! {
    #[derive(Debug, Clone, Copy, PartialEq)]
    struct Progress {
        stored: i64,
        unsettled: i64,
        uncertain: i64,
    }
}

/// Waits until all is accepted and nothing is unsettled; then stops every process in order. Answers what must not be.
pub async fn settle(arena: &Arena, load: JoinHandle<anyhow::Result<()>>) -> anyhow::Result<Vec<String>> {
    let mut connection = arena.connection().await?;
    let (mut last, mut since) = (None, Instant::now());
    let mut broken = Vec::new();
    loop {
        make_due(&mut connection).await?;
        let now = look(&mut connection).await?;
        let taken = arena.signals.count_taken();
        if last != Some((now, taken)) {
            (last, since) = (Some((now, taken)), Instant::now());
        }
        if load.is_finished() && now.unsettled == 0 {
            break;
        }
        if since.elapsed() > PATIENCE {
            broken.push(format!("nothing moves any more: {now:?}, {taken} taken"));
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    if load.is_finished() {
        load.await?.context("the load did not come through")?;
    } else {
        load.abort();
    }
    // Late words about what shows as uncertain come when the workers are told to stop, at the latest.
    for process in arena.processes() {
        process.lock().await.terminate()?;
    }
    for process in arena.processes() {
        let mut process = process.lock().await;
        if !process.ended_well(STOP_WITHIN).await? {
            broken.push(format!("{} did not stop in order", process.name()));
        }
    }
    Ok(broken)
}

/// Retries that were put off for minutes are due now: the run has no hour to wait, and what would come then is the same.
async fn make_due(connection: &mut PgConnection) -> anyhow::Result<()> {
    let now = "UPDATE message_runs SET run_at = postfleet_now() WHERE state = 'scheduled' AND run_at > postfleet_now()";
    sqlx::query(now).execute(connection).await?;
    Ok(())
}

async fn look(connection: &mut PgConnection) -> anyhow::Result<Progress> {
    let counts = "SELECT count(*) AS stored,
                         count(*) FILTER (WHERE state IN ('scheduled', 'queued', 'committing')) AS unsettled,
                         count(*) FILTER (WHERE state = 'uncertain') AS uncertain
                  FROM message_runs";
    Ok(sqlx::query_as(counts).fetch_one(connection).await?)
}
