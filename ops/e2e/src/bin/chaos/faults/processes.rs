use std::time::Instant;

use super::Done;
use crate::arena::Arena;
use crate::kind::{Kind, Victim};
use crate::plan::Planned;

/// Kills or freezes an orchestrator, or the API.
pub(super) async fn inflict(arena: &Arena, planned: &Planned) -> anyhow::Result<Done> {
    let process = match planned.kind.victim() {
        Victim::Api => &arena.api,
        _ => &arena.orchestrators[planned.pick as usize % arena.orchestrators.len()],
    };
    let mut process = process.lock().await;
    let began = Instant::now();
    let killed = matches!(planned.kind, Kind::ApiKilled | Kind::OrchestratorKilled);
    if killed {
        process.kill()?;
    } else {
        process.freeze()?;
    }
    tokio::time::sleep(planned.lasts).await;
    if killed {
        process.start_again()?;
    } else {
        process.go_on()?;
    }
    let (how, lasted) = (if killed { "killed, and away" } else { "frozen" }, planned.lasts.as_secs_f64());
    Ok(Done::new(planned.kind, began, format!("{} {how} for {lasted:.1} s", process.name())))
}
