//! Whatever the order of things, it ends: undisturbed, no history goes on for ever. With "nothing is stuck" this is
//! "every message ends in a final state or in a visible `uncertain`", without a word on who is scheduled when.

use std::collections::{HashMap, HashSet};
use std::mem::{Discriminant, discriminant};

use model::{Action, KINDS, SendModel, State, Step, Variant};
use stateright::Model;

/// Steps from a state, those not yet gone, and the state again when they are.
struct Visit {
    state: State,
    ahead: Vec<State>,
}

/// Depth first over every reachable state. A step back onto the path that led here would be a circle; a disturbance
/// cannot be on one, because there are only so many.
fn walk(model: SendModel) -> (usize, HashSet<Discriminant<Step>>) {
    let mut steps = HashSet::new();
    let mut on_path: HashMap<State, bool> = HashMap::new();
    let mut next = |state: &State| -> Vec<State> {
        let mut actions: Vec<Action> = Vec::new();
        model.actions(state, &mut actions);
        steps.extend(actions.iter().map(|action| discriminant(&action.step)));
        actions.into_iter().filter_map(|action| model.next_state(state, action)).collect()
    };
    let first = State::first(model.disturbances);
    on_path.insert(first, true);
    let mut path = vec![Visit { state: first, ahead: next(&first) }];
    while let Some(visit) = path.last_mut() {
        let Some(state) = visit.ahead.pop() else {
            on_path.insert(visit.state, false);
            path.pop();
            continue;
        };
        match on_path.get(&state) {
            Some(true) => panic!("a history that may go on for ever comes back to {state:#?}"),
            Some(false) => {}
            None => {
                on_path.insert(state, true);
                path.push(Visit { state, ahead: next(&state) });
            }
        }
    }
    (on_path.len(), steps)
}

#[test]
fn no_history_goes_on_for_ever_and_every_step_is_taken() {
    let (states, steps) = walk(SendModel { variant: Variant::AsBuilt, disturbances: 2, resends: true });
    println!("{states} states, no circle, {} kinds of steps", steps.len());
    assert_eq!(steps.len(), KINDS, "a step that can never be taken");
}
