//! What people read.

use std::sync::Arc;
use std::time::Duration;

use crate::arena::Arena;
use crate::faults::Done;
use crate::judge::Verdict;
use crate::round::Recovered;

const TELL_EVERY: Duration = Duration::from_secs(5);

/// For whoever watches.
pub async fn tell_progress(arena: Arc<Arena>) {
    loop {
        tokio::time::sleep(TELL_EVERY).await;
        let (answered, taken) = (arena.signals.count_answered(), arena.signals.count_taken());
        let secs = arena.started.elapsed().as_secs();
        eprintln!("{secs:>7} s  {answered} of {} answered, {taken} taken by the sink", arena.messages);
    }
}

/// A line of the timeline.
pub fn fault(arena: &Arena, done: &Done, recovered: Recovered) {
    let at = done.began.saturating_duration_since(arena.started).as_secs_f64();
    let recovered = match recovered {
        Recovered::After(took) => format!("recovered after {:.2} s", took.as_secs_f64()),
        Recovered::Untold => "nothing to recover".to_owned(),
        Recovered::Never => "NOT RECOVERED".to_owned(),
    };
    println!("{at:>7.1} s  {}; {recovered}", done.what);
}

pub fn print(verdict: &Verdict, json: bool) {
    println!("\n{:<24}{:>6}{:>7}{:>10}", "recoveries", "times", "timed", "worst, s");
    for (kind, recovery) in &verdict.recoveries {
        println!("{:<24}{:>6}{:>7}{:>10.2}", kind.name(), recovery.times, recovery.timed, recovery.worst_s);
    }
    println!(
        "\n{} faults, {} messages answered with a 2xx: {} accepted, {} uncertain ({} were put in doubt), {} failed, \
         {} quarantined, {} lost, {} sent twice, {} stuck",
        verdict.faults,
        verdict.answered,
        verdict.accepted,
        verdict.uncertain,
        verdict.committing_at_kills,
        verdict.failed,
        verdict.quarantined,
        verdict.lost,
        verdict.duplicates,
        verdict.stuck
    );
    verdict.broken.iter().for_each(|what| println!("BROKEN: {what}"));
    println!(
        "{}",
        if verdict.holds() { "Nothing lost, nothing sent twice, nothing stuck." } else { "IT DOES NOT HOLD." }
    );
    if json {
        println!("{}", serde_json::json!(verdict));
    }
}
