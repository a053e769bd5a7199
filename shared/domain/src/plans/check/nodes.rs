//! Each node by itself.

use std::collections::HashSet;

use super::contents;
use crate::plans::{
    Action, Node, Plan, PlanChannel, PlanEvent, PlanProblem, ProblemCode, Schedule, Span, TRANSITIONS_MAX,
};

const ID_MAX_BYTES: usize = 64;

pub fn check(plan: &Plan, problems: &mut Vec<PlanProblem>) {
    let mut seen = HashSet::new();
    for (at, node) in plan.nodes.iter().enumerate() {
        let path = format!("nodes[{at}]");
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if node.id.is_empty() || node.id.len() > ID_MAX_BYTES || !node.id.bytes().all(plain) {
            let message = "expected 1 to 64 letters, digits, _ and -";
            problems.push(PlanProblem::error(ProblemCode::InvalidId, format!("{path}.id"), message));
        }
        if !seen.insert(node.id.as_str()) {
            let message = format!("another node is called {} already", node.id);
            problems.push(PlanProblem::error(ProblemCode::DuplicateNode, format!("{path}.id"), message));
        }
        if node.channel == PlanChannel::Sms {
            let message = "sms cannot be sent yet";
            problems.push(PlanProblem::error(ProblemCode::NotAvailable, format!("{path}.channel"), message));
        }
        match node.action {
            Action::Send => contents::check(node, &path, problems),
            Action::Wait | Action::Stop => forbid_content(node, &path, problems),
        }
        check_schedule(node, &path, problems);
        check_transitions(node, &path, problems);
    }
}

fn forbid_content(node: &Node, path: &str, problems: &mut Vec<PlanProblem>) {
    let given =
        [(node.subject.is_some(), "subject"), (node.body.is_some(), "body"), (node.sender_id.is_some(), "senderId")];
    for (_, field) in given.into_iter().filter(|(given, _)| *given) {
        let problem = PlanProblem::error(ProblemCode::MisplacedField, format!("{path}.{field}"), "belongs to a send");
        problems.push(problem.hint("only a node with action send has content"));
    }
}

fn check_schedule(node: &Node, path: &str, problems: &mut Vec<PlanProblem>) {
    let path = format!("{path}.schedule");
    match (node.action, &node.schedule) {
        (Action::Wait, None) => {
            let problem = PlanProblem::error(ProblemCode::MissingContent, path, "a wait needs to know how long");
            problems.push(problem.hint(r#""schedule": {"delay": "P3D"}"#));
        }
        (Action::Wait, Some(Schedule::Delay(Span::ZERO))) => {
            problems.push(PlanProblem::error(ProblemCode::DelayOutOfRange, path, "a wait must be longer than nothing"));
        }
        (Action::Stop, Some(_)) => {
            let problem = PlanProblem::error(ProblemCode::MisplacedField, path, "a stop acts when it is entered");
            problems.push(problem.hint("put a wait before it"));
        }
        _ => {}
    }
}

fn check_transitions(node: &Node, path: &str, problems: &mut Vec<PlanProblem>) {
    if node.transitions.len() > TRANSITIONS_MAX {
        let message = format!("has {}; at most {TRANSITIONS_MAX} are possible", node.transitions.len());
        problems.push(PlanProblem::error(ProblemCode::TooMuch, format!("{path}.transitions"), message));
        return;
    }
    if node.action == Action::Stop && !node.transitions.is_empty() {
        let message = "nothing comes after a stop";
        problems.push(PlanProblem::error(ProblemCode::MisplacedField, format!("{path}.transitions"), message));
        return;
    }
    let elapsed = node.transitions.iter().find(|transition| transition.on == PlanEvent::Elapsed);
    let over = match (node.action, &node.schedule) {
        (Action::Wait, Some(Schedule::Delay(delay))) => Some(*delay),
        _ => elapsed.and_then(|transition| transition.after),
    };
    for (turn, transition) in node.transitions.iter().enumerate() {
        let path = format!("{path}.transitions[{turn}]");
        let timer = transition.on.is_timer();
        if transition.within.is_some() && timer {
            let problem =
                PlanProblem::error(ProblemCode::MisplacedField, format!("{path}.within"), "belongs to an event");
            problems.push(problem.hint(format!("{} comes of itself: write after", transition.on)));
        }
        if transition.after.is_some() && !timer {
            let problem =
                PlanProblem::error(ProblemCode::MisplacedField, format!("{path}.after"), "belongs to a timer");
            problems.push(problem.hint(format!("{} comes when it comes: write within", transition.on)));
        }
        match (transition.on, node.action, transition.after) {
            (PlanEvent::Elapsed, Action::Wait, Some(_)) => {
                let problem = PlanProblem::error(
                    ProblemCode::MisplacedField,
                    format!("{path}.after"),
                    "a wait's schedule says when it is over",
                );
                problems.push(problem.hint("leave it out"));
            }
            (PlanEvent::Elapsed, Action::Send, None) => {
                let problem = PlanProblem::error(
                    ProblemCode::MissingContent,
                    format!("{path}.after"),
                    "elapsed needs to know how long",
                );
                problems.push(problem.hint(r#""after": "P3D""#));
            }
            (on, _, Some(Span::ZERO)) if on != PlanEvent::Elapsed => {
                let message = format!("{on} cannot come at once");
                problems.push(PlanProblem::error(ProblemCode::DelayOutOfRange, format!("{path}.after"), message));
            }
            (on, _, Some(after)) if on != PlanEvent::Elapsed && over.is_some_and(|over| over < after) => {
                let message = format!("{on} would come when the node is over");
                problems.push(PlanProblem::warning(ProblemCode::NeverTaken, format!("{path}.after"), message));
            }
            _ => {}
        }
        let mut before = node.transitions[..turn].iter().filter(|other| other.on == transition.on);
        if before.any(|other| timer || other.within.is_none()) {
            let message = format!("{} leads elsewhere already, so this is never taken", transition.on);
            problems.push(PlanProblem::error(ProblemCode::DuplicateTransition, format!("{path}.on"), message));
        }
    }
}
