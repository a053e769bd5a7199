//! The nodes together: what leads where.

use std::collections::HashMap;

use crate::plans::{Action, Node, Plan, PlanProblem, ProblemCode, Schedule, Transition};

/// Nodes by their places, and who leads to whom.
struct Graph<'a> {
    plan: &'a Plan,
    places: HashMap<&'a str, usize>,
}

pub fn check(plan: &Plan, problems: &mut Vec<PlanProblem>) {
    let graph = Graph::new(plan);
    for (at, node) in plan.nodes.iter().enumerate() {
        for (turn, transition) in node.transitions.iter().enumerate() {
            let path = || format!("nodes[{at}].transitions[{turn}].to");
            let Some(to) = graph.places.get(transition.to.as_str()) else {
                let message = format!("no node is called {}", transition.to);
                let hint = graph.closest(&transition.to).map(|name| format!("did you mean {name}?"));
                problems.push(PlanProblem { hint, ..PlanProblem::error(ProblemCode::UnknownNode, path(), message) });
                continue;
            };
            if transition.on.ends_all() && plan.nodes[*to].action != Action::Stop {
                let message = format!("after {} nobody may be mailed: lead to a stop, or nowhere", transition.on);
                problems.push(PlanProblem::error(ProblemCode::SendAfterStop, path(), message));
            }
        }
    }
    let Some(start) = graph.places.get(plan.start_node_id.as_str()) else {
        let message = format!("no node is called {}", plan.start_node_id);
        problems.push(PlanProblem::error(ProblemCode::UnknownNode, "startNodeId", message));
        return;
    };
    let reached = graph.reached_from(*start);
    for (at, node) in plan.nodes.iter().enumerate().filter(|(at, _)| !reached[*at]) {
        let message = format!("nothing leads to {}", node.id);
        problems.push(PlanProblem::error(ProblemCode::UnreachableNode, format!("nodes[{at}]"), message));
    }
    for (at, turn) in graph.closings(|node, transition, to| !takes_time(node, transition, to)) {
        let node = &plan.nodes[at];
        let message = format!("leads back to {} and nothing on the way takes time", node.transitions[turn].to);
        let path = format!("nodes[{at}].transitions[{turn}]");
        let problem = PlanProblem::error(ProblemCode::LoopWithoutWait, path, message);
        problems.push(problem.hint("put a wait into the loop, or a schedule with a delay"));
    }
}

/// Most messages of one contact: the sends on the longest way. None where there are loops.
pub fn messages_max(plan: &Plan) -> Option<u32> {
    let graph = Graph::new(plan);
    if !graph.closings(|_, _, _| true).is_empty() {
        return None;
    }
    let start = graph.places.get(plan.start_node_id.as_str())?;
    let mut known = vec![None; plan.nodes.len()];
    // Children first, without recursion: a plan may be as deep as it has nodes.
    let mut stack = vec![*start];
    while let Some(at) = stack.last().copied() {
        let open: Vec<usize> = graph.next(at).map(|(_, to)| to).filter(|to| known[*to].is_none()).collect();
        if known[at].is_some() || open.is_empty() {
            let own = u32::from(plan.nodes[at].action == Action::Send);
            known[at] = Some(own + graph.next(at).filter_map(|(_, to)| known[to]).max().unwrap_or(0));
            stack.pop();
        } else {
            stack.extend(open);
        }
    }
    known[*start]
}

/// Whether to take that transition and to act there lasts longer than nothing.
fn takes_time(from: &Node, transition: &Transition, to: &Node) -> bool {
    let timer = transition.on.is_timer() && transition.after.is_none_or(|after| !after.is_zero());
    let waits = |node: &Node| match &node.schedule {
        Some(Schedule::Delay(delay)) => !delay.is_zero(),
        // Once it is past, it holds nobody up any more.
        Some(Schedule::At(_)) | None => false,
    };
    // A wait that is left by an event may have been left at once.
    let left_late = timer && (from.action != Action::Wait || waits(from));
    left_late || (to.action == Action::Send && waits(to))
}

impl<'a> Graph<'a> {
    fn new(plan: &'a Plan) -> Self {
        Self { plan, places: plan.places() }
    }

    fn next(&self, at: usize) -> impl Iterator<Item = (usize, usize)> {
        let transitions = self.plan.nodes[at].transitions.iter().enumerate();
        transitions.filter_map(|(turn, transition)| Some((turn, *self.places.get(transition.to.as_str())?)))
    }

    fn reached_from(&self, start: usize) -> Vec<bool> {
        let (mut reached, mut open) = (vec![false; self.plan.nodes.len()], vec![start]);
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut reached[at], true) {
                open.extend(self.next(at).map(|(_, to)| to));
            }
        }
        reached
    }

    /// The transitions that close a loop among those that count: node and turn.
    fn closings(&self, counts: impl Fn(&Node, &Transition, &Node) -> bool) -> Vec<(usize, usize)> {
        #[derive(Clone, Copy, PartialEq)]
        enum Mark {
            New,
            Open,
            Done,
        }
        let nodes = &self.plan.nodes;
        let (mut marks, mut found) = (vec![Mark::New; nodes.len()], Vec::new());
        for root in 0..nodes.len() {
            if marks[root] != Mark::New {
                continue;
            }
            marks[root] = Mark::Open;
            let mut stack = vec![(root, self.next(root).collect::<Vec<_>>().into_iter())];
            while let Some((at, ways)) = stack.last_mut() {
                let at = *at;
                let Some((turn, to)) = ways.next() else {
                    marks[at] = Mark::Done;
                    stack.pop();
                    continue;
                };
                if !counts(&nodes[at], &nodes[at].transitions[turn], &nodes[to]) {
                    continue;
                }
                match marks[to] {
                    Mark::Open => found.push((at, turn)),
                    Mark::Done => {}
                    Mark::New => {
                        marks[to] = Mark::Open;
                        stack.push((to, self.next(to).collect::<Vec<_>>().into_iter()));
                    }
                }
            }
        }
        found
    }

    /// A name that was likely meant.
    fn closest(&self, name: &str) -> Option<&'a str> {
        let same =
            |other: &&str| other.eq_ignore_ascii_case(name) || other.starts_with(name) || name.starts_with(*other);
        self.places.keys().copied().filter(|other| !other.is_empty()).filter(same).min()
    }
}
