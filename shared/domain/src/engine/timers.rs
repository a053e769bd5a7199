use chrono::{DateTime, Utc};

use super::{Enrollment, TimerKind};
use crate::plans::{Compiled, Does, Next, PlanEvent, Schedule};

/// When the node acts that was just entered.
pub fn acts_at(plan: &Compiled, enrollment: &Enrollment) -> DateTime<Utc> {
    match &plan.nodes[enrollment.node].schedule {
        None => enrollment.since,
        Some(Schedule::Delay(delay)) => enrollment.after(*delay),
        Some(Schedule::At(at)) => at.moment(enrollment.zone).max(enrollment.since),
    }
}

/// The timers of a node that begins to wait.
pub fn to_set(plan: &Compiled, enrollment: &Enrollment) -> Vec<(TimerKind, DateTime<Utc>)> {
    let node = &plan.nodes[enrollment.node];
    let named = node.next.iter().filter_map(|next| Some((TimerKind::of(next.on)?, enrollment.after(next.after?))));
    if node.does == Does::Wait {
        // What would come when the wait is over never comes.
        let until = enrollment.until;
        return std::iter::once((TimerKind::Elapsed, until)).chain(named.filter(|(_, due)| *due <= until)).collect();
    }
    let mut timers: Vec<_> = named.collect();
    // Without a way that time opens by itself, waiting ends when nothing that leads on can come any more.
    if !node.next.iter().any(|next| next.on == PlanEvent::Elapsed) {
        let longest = node.next.iter().map(|next| next.within.or(next.after).unwrap_or(plan.patience)).max();
        timers.extend(longest.map(|span| (TimerKind::Patience, enrollment.after(span))));
    }
    timers
}

/// The timer that leads on at `due`: the earliest whose time has come and whose event was not heard of before that.
/// One that is told of late does not lose to one that was due after it.
pub fn leads_on<'a>(plan: &'a Compiled, enrollment: &Enrollment, due: DateTime<Utc>) -> Option<&'a Next> {
    let timers = plan.nodes[enrollment.node].next.iter().filter(|next| next.on.is_timer());
    let come = timers.filter_map(|next| {
        let at = next.after.map_or(enrollment.until, |span| enrollment.after(span));
        (at <= due && is_absent(enrollment, next.on, at)).then_some((at, next))
    });
    come.min_by_key(|(at, _)| *at).map(|(_, next)| next)
}

/// Whether what a timer waits for in vain had not happened by then.
fn is_absent(enrollment: &Enrollment, timer: PlanEvent, at: DateTime<Utc>) -> bool {
    let mut present = timer.denied_by().iter().filter_map(|event| enrollment.heard.get(event));
    present.all(|heard| heard.at > at)
}
