//! How each kind of fault is done. Each ends with everything healed that it broke.

mod postgres;
mod processes;
mod redis;
mod sink;
mod wires;
mod workers;

use std::collections::HashSet;
use std::time::Instant;

use crate::arena::Arena;
use crate::kind::{Kind, Sign, Victim};
use crate::plan::Planned;

/// A fault that is over.
#[derive(Debug, Clone)]
pub struct Done {
    pub kind: Kind,
    pub began: Instant,
    pub ended: Instant,
    /// Messages in the victim's hands: others must take them over, or it must be filled with them again.
    pub in_hand: HashSet<String>,
    /// For the timeline.
    pub what: String,
}

impl Done {
    /// By what it shows that this one is got over.
    pub fn sign(&self) -> Sign {
        match self.kind.sign() {
            Sign::Taken if !self.in_hand.is_empty() => Sign::InHand,
            usual => usual,
        }
    }

    fn new(kind: Kind, began: Instant, what: String) -> Self {
        Self { kind, began, ended: Instant::now(), in_hand: HashSet::new(), what }
    }
}

pub async fn inflict(arena: &Arena, planned: &Planned) -> anyhow::Result<Done> {
    tokio::time::sleep(planned.after).await;
    match planned.kind.victim() {
        Victim::Worker => workers::inflict(arena, planned).await,
        Victim::Orchestrator | Victim::Api => processes::inflict(arena, planned).await,
        Victim::Redis => redis::inflict(arena, planned).await,
        Victim::Postgres => postgres::inflict(arena, planned).await,
        Victim::Sink => sink::inflict(arena, planned).await,
    }
}
