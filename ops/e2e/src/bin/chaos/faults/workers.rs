use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::Done;
use crate::arena::Arena;
use crate::hands::{Hands, look_into};
use crate::kind::{Kind, Sign};
use crate::plan::Planned;
use crate::process::Process;

/// How long a moment is waited for in which the victim has something to lose, and something for others to take over.
const BUSY_WITHIN: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Freezes a worker, looks what it has in its hands, and kills it or lets it go on later. Past the point of no return
/// means in doubt: what it holds there may end as uncertain.
pub(super) async fn inflict(arena: &Arena, planned: &Planned) -> anyhow::Result<Done> {
    let mut worker = arena.workers[planned.pick as usize % arena.workers.len()].lock().await;
    let (began, hands) = freeze_busy(arena, &worker).await?;
    let (committing, queued) = (hands.committing.len(), hands.queued.len());
    arena.doubt(hands.committing, "in a worker's hands when it was cut short");
    let killed = planned.kind == Kind::WorkerKilled;
    if killed {
        worker.kill()?;
    }
    tokio::time::sleep(planned.lasts).await;
    if killed {
        worker.start_again()?;
    } else {
        worker.go_on()?;
    }
    let (how, lasted) = (if killed { "killed, and away" } else { "frozen" }, planned.lasts.as_secs_f64());
    let what =
        format!("{} {how} for {lasted:.1} s: {committing} rows committing, {queued} queued in hand", worker.name());
    // Frozen for less than a lease it keeps its jobs: what of them was too late when it went on waits for its turn anew.
    let in_hand = if planned.kind.sign() == Sign::InHand { hands.queued } else { HashSet::new() };
    Ok(Done { in_hand, ..Done::new(planned.kind, began, what) })
}

/// Leaves it frozen.
async fn freeze_busy(arena: &Arena, worker: &Process) -> anyhow::Result<(Instant, Hands)> {
    let since = Instant::now();
    loop {
        // Nothing can be counted while Postgres is away, and nothing of what is on its way there.
        let _postgres_is_well = arena.postgres.lock().await;
        worker.freeze()?;
        let began = Instant::now();
        let hands = look_into(arena, worker.worker).await?;
        if !(hands.committing.is_empty() || hands.queued.is_empty()) || since.elapsed() > BUSY_WITHIN {
            return Ok((began, hands));
        }
        worker.go_on()?;
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
