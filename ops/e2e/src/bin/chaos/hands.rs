//! What a frozen worker has in its hands.

use std::collections::HashSet;
use std::time::Duration;

use domain::ids::{MessageId, WorkerId};
use domain::jobs::PoolName;
use queue::{Keys, QueueLink};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::arena::{Arena, shown_as};

#[derive(Debug, Default)]
pub struct Hands {
    /// Past the point of no return, by Postgres: `committing` in its name, or shown as uncertain already.
    pub committing: HashSet<String>,
    /// Queued in jobs that stand in its name in Redis.
    pub queued: HashSet<String>,
}

/// So many looks on end that find the same: a statement may stand in a socket that nobody has read yet.
const LOOKS_ALIKE: u32 = 6;
const LOOK_EVERY: Duration = Duration::from_millis(8);
/// A sender that was told to slow down pauses for half a minute, whatever happens to a worker or to Redis.
const NOT_THROTTLED: &str = "message_id NOT IN (SELECT id FROM messages WHERE to_address LIKE '%@s7.%')";
const REDIS_WITHIN: Duration = Duration::from_millis(500);

pub async fn look_into(arena: &Arena, worker: WorkerId) -> anyhow::Result<Hands> {
    let mut connection = arena.connection().await?;
    let (mut before, mut alike) = (HashSet::new(), 0);
    while alike < LOOKS_ALIKE {
        let active: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = left($1, 63) AND state = 'active'",
        )
        .bind(shown_as(worker))
        .fetch_one(&mut connection)
        .await?;
        let now =
            messages(&mut connection, "state IN ('committing', 'uncertain') AND worker_id = ANY($1)", &[worker.uuid()])
                .await?;
        alike = if active == 0 && now == before { alike + 1 } else { 0 };
        before = now;
        tokio::time::sleep(LOOK_EVERY).await;
    }
    // Redis may be the one that is broken at this moment: then it is not known who held what.
    let held = tokio::time::timeout(REDIS_WITHIN, held_jobs(&arena.redis_url)).await;
    let held = held.ok().and_then(Result::ok).unwrap_or_default();
    let ours = held.into_iter().filter(|(_, holder)| *holder == worker).map(|(job, _)| job);
    let jobs: Vec<Uuid> = ours.collect();
    let which = format!("state = 'queued' AND job_id = ANY($1) AND {NOT_THROTTLED}");
    let queued = messages(&mut connection, &which, &jobs).await?;
    Ok(Hands { committing: before, queued })
}

async fn messages(connection: &mut PgConnection, which: &str, ids: &[Uuid]) -> anyhow::Result<HashSet<String>> {
    let sql = format!("SELECT message_id FROM message_runs WHERE {which}");
    let found: Vec<Uuid> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(ids).fetch_all(connection).await?;
    Ok(found.into_iter().map(|id| MessageId(id).to_string()).collect())
}

/// Jobs that workers hold, each with its worker.
async fn held_jobs(redis_url: &str) -> anyhow::Result<Vec<(Uuid, WorkerId)>> {
    let held = QueueLink::connect(redis_url, Keys::default())?.held(&PoolName::send_shared()).await?;
    Ok(held.into_iter().map(|(job, holder)| (job.uuid(), holder)).collect())
}

/// Messages whose job stands in Redis and that no worker holds. None, if it cannot be known at this moment.
pub async fn standing(arena: &Arena) -> HashSet<String> {
    let look = async {
        let held: Vec<Uuid> = held_jobs(&arena.redis_url).await?.into_iter().map(|(job, _)| job).collect();
        let which = format!("state = 'queued' AND NOT job_id = ANY($1) AND {NOT_THROTTLED}");
        messages(&mut arena.connection().await?, &which, &held).await
    };
    tokio::time::timeout(REDIS_WITHIN, look).await.ok().and_then(Result::ok).unwrap_or_default()
}
