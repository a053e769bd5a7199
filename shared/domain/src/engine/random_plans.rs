//! Plans and histories that nobody would think of.

use proptest::prelude::*;

use crate::plans::{Action, Node, Plan, PlanEvent, Schedule, Span, Transition};

/// A node before it is known which others are reached.
#[derive(Debug, Clone)]
struct Sketch {
    sends: bool,
    delay_hours: u32,
    /// Event, where to (forward from here, or anywhere if the way takes time), hours.
    ways: Vec<(PlanEvent, prop::sample::Index, u32)>,
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let event = prop::sample::select(PlanEvent::ALL.to_vec());
    let way = (event, any::<prop::sample::Index>(), 1u32..200);
    (any::<bool>(), 0u32..100, prop::collection::vec(way, 0..5)).prop_map(|(sends, delay_hours, ways)| Sketch {
        sends,
        delay_hours,
        ways,
    })
}

/// Plans that pass every check; with loops, where each takes time.
pub fn plans(loops: bool) -> impl Strategy<Value = Plan> {
    prop::collection::vec(sketch(), 1..9).prop_map(move |sketches| {
        let count = sketches.len();
        let mut nodes: Vec<Node> =
            sketches.iter().enumerate().map(|(at, sketch)| node(at, sketch, count, loops)).collect();
        nodes.push(Node::new(format!("n{count}"), Action::Stop));
        Plan::of(reached(nodes))
    })
}

fn node(at: usize, sketch: &Sketch, stop: usize, loops: bool) -> Node {
    let mut node = Node::new(format!("n{at}"), Action::Wait);
    if sketch.sends {
        node.action = Action::Send;
        node.subject = Some("Hello".to_owned());
        node.body = Some("{{unsubscribe_url}}".to_owned());
    }
    if sketch.delay_hours > 0 || !sketch.sends {
        node.schedule = Some(Schedule::Delay(Span::hours(sketch.delay_hours.max(1))));
    }
    for (on, to, hours) in &sketch.ways {
        if node.transitions.iter().any(|other| other.on == *on) {
            continue;
        }
        // Back only by a timer, which takes time.
        let to = match on.ends_all() {
            true => stop,
            false if loops && on.is_timer() => to.index(stop + 1),
            false => at + 1 + to.index(stop - at),
        };
        let timed = on.is_timer() && (sketch.sends || *on != PlanEvent::Elapsed);
        let hours = Some(Span::hours(*hours));
        node.transitions.push(Transition {
            on: *on,
            to: format!("n{to}"),
            within: hours.filter(|_| !on.is_timer() && to % 2 == 0),
            after: hours.filter(|_| timed),
        });
    }
    node
}

/// Without the nodes that nothing leads to.
fn reached(mut nodes: Vec<Node>) -> Vec<Node> {
    let mut open = vec!["n0".to_owned()];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(id) = open.pop() {
        if let Some(node) = nodes.iter().find(|node| node.id == id).filter(|_| seen.insert(id.clone())) {
            open.extend(node.transitions.iter().map(|transition| transition.to.clone()));
        }
    }
    nodes.retain(|node| seen.contains(&node.id));
    nodes
}

/// What the world does next.
#[derive(Debug, Clone)]
pub enum Turn {
    /// The message that is being sent is accepted.
    Accept,
    /// Something is told of the message of one of the visits so far, which happened so many hours ago.
    Tell { visit: prop::sample::Index, what: PlanEvent, hours_ago: i64 },
    /// So many hours pass, and the timers that are due then fire, in this order.
    Pass { hours: i64, backwards: bool },
    /// An event of before is told again.
    Again(prop::sample::Index),
}

pub fn history() -> impl Strategy<Value = Vec<Turn>> {
    let told = prop::sample::select(vec![
        PlanEvent::Delivered,
        PlanEvent::Opened,
        PlanEvent::Clicked,
        PlanEvent::Opened,
        PlanEvent::Replied,
        PlanEvent::Bounced,
        PlanEvent::Blocked,
        PlanEvent::Unsubscribed,
    ]);
    let turn = prop_oneof![
        6 => Just(Turn::Accept),
        4 => (any::<prop::sample::Index>(), told, 0i64..50)
            .prop_map(|(visit, what, hours_ago)| Turn::Tell { visit, what, hours_ago }),
        6 => (0i64..150, any::<bool>()).prop_map(|(hours, backwards)| Turn::Pass { hours, backwards }),
        2 => any::<prop::sample::Index>().prop_map(Turn::Again),
    ];
    prop::collection::vec(turn, 0..60)
}
