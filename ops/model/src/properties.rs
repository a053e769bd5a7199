//! What must always hold, and what must be possible, or the model would show nothing.

use stateright::{Model, Property};

use crate::SendModel;
use crate::state::{Doubted, Holder, Phase, Place, RowState, State};
use crate::steps::{Action, Step};

pub const ONCE: &str = "the provider accepts a message at most once";
pub const WANTED: &str = "no byte leaves after what called it off before the compare-and-set";
pub const BORNE: &str = "final bytes leave only while the row bears their attempt";
pub const TRUE: &str = "accepted in Postgres was accepted by the provider";
pub const NEVER_DUE_AGAIN: &str = "what the provider accepted is never due again nor called undone";
pub const RECORDED: &str = "an acceptance that Postgres is told of is recorded, however late";
pub const IN_HAND: &str = "what is committing is in the hands of its worker, while that lives";
pub const NOTHING_STUCK: &str = "nothing is stuck: where nothing more can happen the row is settled";

pub fn all() -> Vec<Property<SendModel>> {
    vec![
        always(ONCE, |_, state| state.accepted <= 1 + u8::from(state.row.resent)),
        always(WANTED, |_, state| !state.facts.unwanted_bytes),
        always(BORNE, |_, state| !state.facts.stray_bytes),
        always(TRUE, |_, state| state.row.state != RowState::Accepted || state.accepted > 0),
        always(NEVER_DUE_AGAIN, |_, state| {
            use RowState::{Accepted, Committing, Uncertain, Unknown};
            let may = [Accepted, Committing, Uncertain, Unknown].contains(&state.row.state);
            state.accepted == 0 || state.row.resent || may
        }),
        // What comes after a second sending was decided, half an hour later, cannot call that back.
        always(RECORDED, |_, state| {
            !state.facts.told_accepted || state.row.state == RowState::Accepted || state.row.resent
        }),
        always(IN_HAND, |_, state| {
            state.row.state != RowState::Committing || state.facts.gave_up_recording || is_in_hand(state)
        }),
        always(NOTHING_STUCK, |model, state| is_settled(state) || can_go_on(model, state)),
        sometimes("accepted", |_, state| state.row.state == RowState::Accepted),
        sometimes("accepted by who was handed the job a second time", |_, state| {
            let again = |at: usize| {
                let worker = state.workers[at];
                worker.phase == Phase::Done && state.place(worker.job) == Place::Marked(Holder::Worker(at))
            };
            state.row.state == RowState::Accepted && (again(0) || again(1))
        }),
        sometimes("uncertain although nothing was accepted", |_, state| {
            state.row.state == RowState::Uncertain && state.accepted == 0
        }),
        sometimes("uncertain and accepted", |_, state| state.row.state == RowState::Uncertain && state.accepted == 1),
        sometimes("a late acceptance wins over uncertain", |_, state| {
            state.row.state == RowState::Accepted && state.row.doubted == Doubted::Uncertain
        }),
        sometimes("a late acceptance wins over unknown", |_, state| {
            state.row.state == RowState::Accepted && state.row.doubted == Doubted::Unknown
        }),
        sometimes("sent after Redis was lost", |_, state| {
            state.row.state == RowState::Accepted && state.row.fed_after_loss
        }),
        sometimes("two workers hold one job and one of them has committed", |_, state| {
            let [one, other] = &state.workers;
            one.job == other.job && one.phase == Phase::Committing && matches!(other.phase, Phase::Sent(_))
        }),
        sometimes("suppressed while it was queued", |_, state| state.row.state == RowState::Suppressed),
        sometimes("quarantined", |_, state| state.row.state == RowState::Quarantined),
    ]
}

fn always(name: &'static str, holds: fn(&SendModel, &State) -> bool) -> Property<SendModel> {
    Property::always(name, holds)
}

fn sometimes(name: &'static str, holds: fn(&SendModel, &State) -> bool) -> Property<SendModel> {
    Property::sometimes(name, holds)
}

/// Final, or visible to people.
pub fn is_settled(state: &State) -> bool {
    !matches!(state.row.state, RowState::Scheduled | RowState::Queued | RowState::Committing)
}

/// Whether something other than a disturbance, or a thaw that may never come, is possible.
fn can_go_on(model: &SendModel, state: &State) -> bool {
    let mut actions: Vec<Action> = Vec::new();
    model.actions(state, &mut actions);
    actions.iter().any(|action| !action.disturbs && !matches!(action.step, Step::Thaws(_)))
}

fn is_in_hand(state: &State) -> bool {
    let Holder::Worker(at) = state.row.worker else { return true };
    let (worker, attempt) = (&state.workers[at], state.row.attempt);
    let sending =
        matches!(worker.phase, Phase::Committing | Phase::Won | Phase::Cleared | Phase::Sent(_) | Phase::Told(_));
    (sending && worker.attempt == attempt) || worker.doubt.is_some_and(|doubt| doubt.attempt == attempt)
}
