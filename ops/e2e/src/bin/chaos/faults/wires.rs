use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use testkit::FaultProxy;
use testkit::proxy::Fault;

use crate::plan::Planned;

/// For the carriers to notice.
const A_MOMENT: Duration = Duration::from_millis(100);
const LATENCY_MS: std::ops::Range<u64> = 20..400;

/// Which of the two wires (the workers', everybody else's) a fault is done to: one, or both.
fn chosen<'a>(planned: &Planned, wires: &'a [FaultProxy; 2]) -> (&'static str, &'a [FaultProxy]) {
    match planned.pick % 3 {
        0 => ("the workers'", &wires[..1]),
        1 => ("all but the workers'", &wires[1..]),
        _ => ("every", &wires[..]),
    }
}

/// Holds every piece for a while, both ways.
pub(super) async fn slow(planned: &Planned, wires: &[FaultProxy; 2]) -> String {
    let (whose, wires) = chosen(planned, wires);
    let latency = Duration::from_millis(StdRng::seed_from_u64(planned.pick.into()).random_range(LATENCY_MS));
    wires.iter().for_each(|wire| wire.set(Fault { latency, ..Fault::default() }));
    tokio::time::sleep(planned.lasts).await;
    wires.iter().for_each(FaultProxy::heal);
    // What is being held still comes.
    tokio::time::sleep(latency + A_MOMENT).await;
    format!("{whose} wire {} ms slow for {:.1} s", latency.as_millis(), planned.lasts.as_secs_f64())
}

/// Swallows answers while requests still arrive. Then the connections end, as no answer can be found in them any more.
pub(super) async fn lose_replies(planned: &Planned, wires: &[FaultProxy; 2]) -> String {
    let (whose, wires) = chosen(planned, wires);
    wires.iter().for_each(|wire| wire.set(Fault { drop_replies: true, ..Fault::default() }));
    tokio::time::sleep(planned.lasts).await;
    wires.iter().for_each(|wire| wire.set(Fault { drop_replies: true, refuse: true, ..Fault::default() }));
    tokio::time::sleep(A_MOMENT).await;
    wires.iter().for_each(FaultProxy::heal);
    format!("replies on {whose} wire lost for {:.1} s", planned.lasts.as_secs_f64())
}
