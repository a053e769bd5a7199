use std::time::Instant;

use tokio::task::block_in_place;

use super::{Done, wires};
use crate::arena::Arena;
use crate::kind::Kind;
use crate::plan::Planned;

/// Cuts off or crashes Postgres, or ends some of its backends. Nothing of this alone may leave anything uncertain.
pub(super) async fn inflict(arena: &Arena, planned: &Planned) -> anyhow::Result<Done> {
    let mut postgres = arena.postgres.lock().await;
    let began = Instant::now();
    let what = match planned.kind {
        Kind::PostgresSlow => format!("Postgres: {}", wires::slow(planned, &arena.postgres_wires).await),
        Kind::PostgresRepliesLost => format!("Postgres: {}", wires::lose_replies(planned, &arena.postgres_wires).await),
        Kind::PostgresBackendsEnded => format!("Postgres: {} backends ended", end_backends(arena, planned.pick).await?),
        _ => {
            block_in_place(|| postgres.stop_immediately())?;
            tokio::time::sleep(planned.lasts).await;
            block_in_place(|| postgres.start_again())?;
            format!("Postgres crashed, back after {:.1} s and its recovery", planned.lasts.as_secs_f64())
        }
    };
    Ok(Done::new(planned.kind, began, what))
}

/// About half of them.
async fn end_backends(arena: &Arena, pick: u32) -> anyhow::Result<i64> {
    let ended = sqlx::query_scalar(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE application_name LIKE 'postfleet%' AND (pid + $1) % 2 = 0",
    );
    Ok(ended.bind(i64::from(pick % 2)).fetch_one(&mut arena.connection().await?).await?)
}
