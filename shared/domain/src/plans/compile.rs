use sha2::{Digest, Sha256};

use super::check::{self, messages_max};
use super::{Action, Calendar, Defaults, Plan, PlanEvent, PlanProblem, Schedule, Span, Zone};
use crate::ids::SenderId;

/// A plan that was checked, in the form that the engine runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// SHA-256 of the plan's canonical JSON, as hexadecimal digits.
    pub hash: String,
    pub start: usize,
    pub nodes: Vec<CompiledNode>,
    pub calendar: Calendar,
    /// Of contacts that have none of their own.
    pub zone: Zone,
    pub patience: Span,
    /// Most messages that one contact can get from it. None: its loops are bounded by the engine alone.
    pub messages_max: Option<u32>,
    /// What is likely not meant.
    pub warnings: Vec<PlanProblem>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompiledNode {
    pub id: String,
    pub does: Does,
    pub schedule: Option<Schedule>,
    pub next: Vec<Next>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    Send { sender: Option<SenderId> },
    Wait,
    Stop,
}

/// Where an event leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    pub on: PlanEvent,
    pub to: usize,
    /// Of an event: how long it counts.
    pub within: Option<Span>,
    /// Of a timer: when it comes. None where a wait's own schedule says it.
    pub after: Option<Span>,
}

/// Checks a plan whole, and answers everything that is wrong with it at once.
pub fn compile(plan: &Plan) -> Result<Compiled, Vec<PlanProblem>> {
    let problems = check::check(plan);
    if problems.iter().any(PlanProblem::is_error) {
        return Err(problems);
    }
    let places = plan.places();
    // Both were checked above; to answer them again costs less than to promise it.
    let (Some(start), Ok(calendar)) = (
        places.get(plan.start_node_id.as_str()).copied(),
        Calendar::new(plan.sending_window.as_ref(), plan.quiet_hours, &plan.holidays),
    ) else {
        return Err(problems);
    };
    let nodes = plan.nodes.iter().map(|node| CompiledNode {
        id: node.id.clone(),
        does: match node.action {
            Action::Send => Does::Send { sender: node.sender_id.or(plan.defaults.sender_id) },
            Action::Wait => Does::Wait,
            Action::Stop => Does::Stop,
        },
        schedule: node.schedule.clone(),
        next: node
            .transitions
            .iter()
            .filter_map(|transition| {
                let after = transition.after.or(default_after(transition.on, &plan.defaults));
                let to = *places.get(transition.to.as_str())?;
                Some(Next { on: transition.on, to, within: transition.within, after })
            })
            .collect(),
    });
    Ok(Compiled {
        hash: hash(plan),
        start,
        nodes: nodes.collect(),
        calendar,
        zone: plan.timezone.unwrap_or(Zone::UTC),
        patience: plan.defaults.patience,
        messages_max: messages_max(plan),
        warnings: problems,
    })
}

fn default_after(on: PlanEvent, defaults: &Defaults) -> Option<Span> {
    match on {
        PlanEvent::NoOpen => Some(defaults.no_open),
        PlanEvent::NoClick => Some(defaults.no_click),
        _ => None,
    }
}

/// Fields stand in one order and spans in one form, so equal plans have equal bytes.
fn hash(plan: &Plan) -> String {
    let canonical = serde_json::to_vec(plan).unwrap_or_default();
    hex::encode(Sha256::digest(&canonical))
}

#[cfg(test)]
#[path = "compile_tests.rs"]
mod tests;
