//! What a plan must be before it may run, told as a compiler tells it: everything at once, each with its place.

mod contents;
mod graph;
mod nodes;

use super::{Calendar, FORMAT_VERSION, NODES_MAX, Plan, PlanProblem, ProblemCode};

pub use graph::messages_max;

/// More than so many are not told: they are one mistake.
const PROBLEMS_MAX: usize = 100;
const HOLIDAYS_MAX: usize = 400;

pub fn check(plan: &Plan) -> Vec<PlanProblem> {
    let mut problems = Vec::new();
    if plan.version != FORMAT_VERSION {
        let message = format!("is {}; this version reads {FORMAT_VERSION}", plan.version);
        problems.push(PlanProblem::error(ProblemCode::UnknownVersion, "version", message));
    }
    if plan.nodes.is_empty() || plan.nodes.len() > NODES_MAX {
        let message = format!("has {} nodes; 1 to {NODES_MAX} are possible", plan.nodes.len());
        problems.push(PlanProblem::error(ProblemCode::TooMuch, "nodes", message));
        return problems;
    }
    if plan.holidays.len() > HOLIDAYS_MAX {
        let message = format!("names {} days; at most {HOLIDAYS_MAX} are possible", plan.holidays.len());
        problems.push(PlanProblem::error(ProblemCode::TooMuch, "holidays", message));
    }
    if let Err(error) = Calendar::new(plan.sending_window.as_ref(), None, &[]) {
        problems.push(PlanProblem::error(ProblemCode::InvalidHours, "sendingWindow", error.to_string()));
    } else if let Err(error) = Calendar::new(plan.sending_window.as_ref(), plan.quiet_hours, &[]) {
        problems.push(PlanProblem::error(ProblemCode::InvalidHours, "quietHours", error.to_string()));
    }
    for (span, field) in
        [(plan.defaults.no_open, "noOpen"), (plan.defaults.no_click, "noClick"), (plan.defaults.patience, "patience")]
    {
        if span.is_zero() {
            let path = format!("defaults.{field}");
            problems.push(PlanProblem::error(ProblemCode::DelayOutOfRange, path, "must be longer than nothing"));
        }
    }
    nodes::check(plan, &mut problems);
    graph::check(plan, &mut problems);
    // Errors first, each kind in the order of the plan.
    problems.sort_by_key(|problem| !problem.is_error());
    problems.truncate(PROBLEMS_MAX);
    problems
}
