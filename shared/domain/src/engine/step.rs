use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::enrollment::Heard;
use super::{Effect, End, Enrollment, Event, Phase, Stepped, Taken, TimerKind, timers};
use crate::plans::{Compiled, Does, Next, PlanEvent, Zone};

/// Most nodes that one enrollment enters: what goes around more often ends.
pub const VISITS_MAX: u32 = 200;

/// Enrolls a contact: the start node is entered. `zone` is the contact's own; `pace` is 1, or more in test mode.
pub fn begin(plan: &Compiled, zone: Option<Zone>, pace: u32, now: DateTime<Utc>) -> Stepped {
    let enrollment = Enrollment {
        node: plan.start,
        visit: 0,
        phase: Phase::Waiting,
        since: now,
        until: now,
        message_visit: None,
        heard: BTreeMap::new(),
        answered: BTreeSet::new(),
        zone: zone.unwrap_or(plan.zone),
        pace: pace.max(1),
    };
    let mut run = Run::new(plan, enrollment, now);
    run.enter(plan.start);
    run.done()
}

/// What an event does to an enrollment. What is over stays over, whatever comes.
pub fn step(plan: &Compiled, enrollment: Enrollment, event: &Event, now: DateTime<Utc>) -> Stepped {
    let mut run = Run::new(plan, enrollment, now);
    if run.enrollment.end().is_none() {
        match *event {
            Event::Accepted { visit, at } => run.accepted(visit, at),
            Event::Message { visit, what, at } => run.heard(visit, what, at),
            Event::Contact { what, .. } => run.contact(what),
            Event::Timer { visit, kind, due } => run.timer(visit, kind, due),
            Event::Ended(end) => run.end(end),
        }
    }
    run.done()
}

struct Run<'a> {
    plan: &'a Compiled,
    enrollment: Enrollment,
    now: DateTime<Utc>,
    effects: Vec<Effect>,
    taken: Vec<Taken>,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Compiled, enrollment: Enrollment, now: DateTime<Utc>) -> Self {
        Self { plan, enrollment, now, effects: Vec::new(), taken: Vec::new() }
    }

    fn done(self) -> Stepped {
        Stepped { enrollment: self.enrollment, effects: self.effects, taken: self.taken }
    }

    fn accepted(&mut self, visit: u32, at: DateTime<Utc>) {
        if visit != self.enrollment.visit || self.enrollment.phase != Phase::Sending {
            return;
        }
        self.enrollment.since = at;
        if self.plan.nodes[self.enrollment.node].next.is_empty() {
            return self.end(End::Completed);
        }
        self.wait();
    }

    fn wait(&mut self) {
        self.enrollment.phase = Phase::Waiting;
        let visit = self.enrollment.visit;
        for (kind, due) in timers::to_set(self.plan, &self.enrollment) {
            self.effects.push(Effect::SetTimer { visit, kind, due });
        }
        self.look_back();
    }

    fn heard(&mut self, visit: u32, what: PlanEvent, at: DateTime<Utc>) {
        if what.is_timer() || visit == 0 || visit > self.enrollment.visit {
            return;
        }
        if what.ends_all() {
            return self.contact(what);
        }
        if self.enrollment.message_visit != Some(visit) {
            // A message of before: nothing of it leads anywhere, but an answer to it or its refusal still counts.
            if let Some(end) = End::by(what).filter(|_| !self.enrollment.answered.contains(&(visit, what))) {
                self.end(end);
            }
            return;
        }
        let known = self.enrollment.heard.entry(what).or_insert(Heard { at, taken: false });
        known.at = known.at.min(at);
        if self.enrollment.phase == Phase::Sending {
            if matches!(what, PlanEvent::Bounced | PlanEvent::Blocked) {
                // It was never accepted: nothing of the node's own waiting begins.
                self.enrollment.phase = Phase::Waiting;
                self.enrollment.since = at;
            } else {
                // Who reads it has it, though its acceptance is not told yet.
                return self.accepted(visit, at);
            }
        }
        self.look_back();
    }

    fn contact(&mut self, what: PlanEvent) {
        let Some(end) = End::by(what) else { return };
        let node = &self.plan.nodes[self.enrollment.node];
        if let Some(next) = node.next.iter().find(|next| next.on == what) {
            self.note(next);
        }
        self.end(end);
    }

    fn timer(&mut self, visit: u32, kind: TimerKind, due: DateTime<Utc>) {
        if visit != self.enrollment.visit || self.enrollment.phase != Phase::Waiting {
            return;
        }
        match timers::leads_on(self.plan, &self.enrollment, due) {
            Some(next) => self.take(next),
            None if matches!(kind, TimerKind::Patience | TimerKind::Elapsed) => self.end(End::Completed),
            None => {}
        }
    }

    /// Takes what was heard of the message and leads somewhere from here, the earliest first.
    fn look_back(&mut self) {
        let mut known: Vec<(DateTime<Utc>, PlanEvent)> = self
            .enrollment
            .heard
            .iter()
            .filter(|(_, heard)| !heard.taken)
            .map(|(what, heard)| (heard.at, *what))
            .collect();
        known.sort();
        for (at, what) in known {
            let node = &self.plan.nodes[self.enrollment.node];
            let in_time = |next: &&Next| next.within.is_none_or(|within| at <= self.enrollment.after(within));
            if let Some(next) = node.next.iter().filter(|next| next.on == what).find(in_time) {
                if let Some(heard) = self.enrollment.heard.get_mut(&what) {
                    heard.taken = true;
                }
                if let Some(visit) = self.enrollment.message_visit.filter(|_| End::by(what).is_some()) {
                    self.enrollment.answered.insert((visit, what));
                }
                return self.take(next);
            }
            if let Some(end) = End::by(what) {
                return self.end(end);
            }
        }
    }

    fn take(&mut self, next: &Next) {
        self.note(next);
        self.effects.push(Effect::CancelTimers { visit: self.enrollment.visit });
        self.enter(next.to);
    }

    fn note(&mut self, next: &Next) {
        let Enrollment { visit, node, .. } = self.enrollment;
        self.taken.push(Taken { visit, from: node, on: next.on, to: next.to });
    }

    fn enter(&mut self, node: usize) {
        if self.enrollment.visit >= VISITS_MAX {
            return self.end(End::TooManySteps);
        }
        self.enrollment.visit += 1;
        self.enrollment.node = node;
        self.enrollment.since = self.now;
        let (visit, at) = (self.enrollment.visit, timers::acts_at(self.plan, &self.enrollment));
        self.enrollment.until = at;
        match self.plan.nodes[node].does {
            Does::Stop => self.end(End::Completed),
            Does::Wait => self.wait(),
            Does::Send { .. } => {
                self.enrollment.phase = Phase::Sending;
                self.enrollment.message_visit = Some(visit);
                self.enrollment.heard.clear();
                // In test mode days pass as minutes, and nobody waits for a morning.
                let run_at = match self.enrollment.pace {
                    1 => self.plan.calendar.next_open(at, self.enrollment.zone),
                    _ => at,
                };
                self.effects.push(Effect::ScheduleMessage { visit, node, run_at });
            }
        }
    }

    fn end(&mut self, end: End) {
        self.enrollment.phase = Phase::Ended(end);
        self.effects.push(Effect::CancelTimers { visit: self.enrollment.visit });
        self.effects.push(Effect::CancelMessages);
        self.effects.push(Effect::End(end));
    }
}
