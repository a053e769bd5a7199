use chrono::{DateTime, Utc};

use super::{Enrollment, TimerKind};
use crate::plans::{Compiled, Next, PlanEvent, Schedule, Span};

/// When the node at hand acts, counted from `now`.
pub fn acts_at(plan: &Compiled, enrollment: &Enrollment, now: DateTime<Utc>) -> DateTime<Utc> {
    match &plan.nodes[enrollment.node].schedule {
        None => now,
        Some(Schedule::Delay(delay)) => now + delay.at_pace(enrollment.pace),
        Some(Schedule::At(at)) => at.moment(enrollment.zone).max(now),
    }
}

/// The timers of a send whose message was accepted, with what each leads to.
pub fn after_acceptance(plan: &Compiled, enrollment: &Enrollment) -> Vec<(TimerKind, DateTime<Utc>)> {
    let next = &plan.nodes[enrollment.node].next;
    let after = |span: Span| enrollment.since + span.at_pace(enrollment.pace);
    let mut timers: Vec<_> =
        next.iter().filter_map(|next| Some((TimerKind::of(next.on)?, after(next.after?)))).collect();
    // Without a way that time opens by itself, waiting ends when nothing that leads on can come any more.
    if !next.iter().any(|next| next.on == PlanEvent::Elapsed) {
        let longest = next.iter().map(|next| next.within.or(next.after).unwrap_or(plan.patience)).max();
        timers.extend(longest.map(|span| (TimerKind::Patience, after(span))));
    }
    timers
}

/// The timer that leads on at `due`: the earliest whose time has come and whose event was not heard of before that.
/// One that is told of late does not lose to one that was due after it.
pub fn leads_on<'a>(plan: &'a Compiled, enrollment: &Enrollment, due: DateTime<Utc>) -> Option<&'a Next> {
    let timers = plan.nodes[enrollment.node].next.iter().filter(|next| next.on.is_timer());
    let come = timers.filter_map(|next| {
        let after = |span: Span| enrollment.since + span.at_pace(enrollment.pace);
        let at = next.after.map_or(enrollment.until, after);
        (at <= due && is_absent(enrollment, next.on, at)).then_some((at, next))
    });
    come.min_by_key(|(at, _)| *at).map(|(_, next)| next)
}

/// Whether what a timer waits for in vain had not happened by then.
fn is_absent(enrollment: &Enrollment, timer: PlanEvent, at: DateTime<Utc>) -> bool {
    let mut present = timer.denied_by().iter().filter_map(|event| enrollment.heard.get(event));
    present.all(|heard| heard.at > at)
}
