use std::collections::BTreeMap;
use std::time::Duration;

use domain::engine::step;
use domain::ids::{EnrollmentId, MessageId, TimerId};
use domain::timers::{FiredKind, TimerDecision, decide_timer};
use store::enrollments::{Cause, CauseKind, StepWrite};
use store::timers::Firing;

/// What the timers of a job come to.
#[derive(Default)]
pub struct Decided {
    /// One for each enrollment that moved.
    pub steps: Vec<StepWrite>,
    pub snoozed: Vec<(TimerId, Duration)>,
}

/// Tells each timer to its enrollment, in the order of their times. What is over stays over.
pub fn decide_timers(firing: &Firing, next_id: &dyn Fn() -> MessageId) -> Decided {
    let (mut engines, mut steps, mut snoozed) =
        (BTreeMap::new(), BTreeMap::<EnrollmentId, StepWrite>::new(), Vec::new());
    for timer in &firing.due {
        let event = match decide_timer(&timer.facts) {
            TimerDecision::Tell(event) => event,
            TimerDecision::Snooze(delay) => {
                snoozed.push((timer.id, delay));
                continue;
            }
        };
        let Some(locked) = firing.enrollments.get(&timer.enrollment).filter(|locked| locked.is_active) else {
            continue;
        };
        let Some(plan) = firing.plans.get(&locked.plan_hash) else { continue };
        let engine = engines.remove(&locked.id).unwrap_or_else(|| locked.engine.clone());
        let stepped = step(&plan.compiled, engine, &event, firing.now);
        engines.insert(locked.id, stepped.enrollment.clone());
        let what = match timer.facts.kind {
            FiredKind::Timer(_) => CauseKind::Timer,
            FiredKind::Accepted | FiredKind::Refused => CauseKind::Message,
        };
        let cause = Cause { what, id: Some(timer.id.uuid()) };
        let write = StepWrite::new(locked, plan, stepped, cause, next_id);
        let write = match steps.remove(&locked.id) {
            Some(earlier) => StepWrite::followed_by(earlier, write),
            None => write,
        };
        steps.insert(locked.id, write);
    }
    Decided { steps: steps.into_values().collect(), snoozed }
}
