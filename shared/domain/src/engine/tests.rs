//! The engine by itself: no service runs, no clock ticks.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;

use super::random_plans::{Turn, history, plans};
use super::{Effect, End, Enrollment, Event, Phase, TimerKind, VISITS_MAX, begin, step};
use crate::plans::{Compiled, PlanEvent, compile, parse};

fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).expect("a time")
}

/// Carries out what the engine says, in memory.
struct World {
    plan: Compiled,
    enrollment: Enrollment,
    now: DateTime<Utc>,
    timers: BTreeMap<(u32, TimerKind), DateTime<Utc>>,
    /// Visits that sent, each with its node.
    sent: Vec<(u32, usize)>,
    events: Vec<Event>,
    effects_after_end: usize,
}

impl World {
    fn begin(plan: Compiled, pace: u32) -> Self {
        let now = noon();
        let begun = begin(&plan, None, pace, now);
        let mut world = Self {
            enrollment: begun.enrollment,
            plan,
            now,
            timers: BTreeMap::new(),
            sent: Vec::new(),
            events: Vec::new(),
            effects_after_end: 0,
        };
        world.carry_out(begun.effects);
        world
    }

    fn tell(&mut self, event: Event) {
        let ended = self.enrollment.end().is_some();
        let stepped = step(&self.plan, self.enrollment.clone(), &event, self.now);
        self.events.push(event);
        self.enrollment = stepped.enrollment;
        self.effects_after_end += if ended { stepped.effects.len() + stepped.taken.len() } else { 0 };
        self.carry_out(stepped.effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::ScheduleMessage { visit, node, run_at } => {
                    assert!(run_at >= self.now);
                    self.sent.push((visit, node));
                }
                Effect::SetTimer { visit, kind, due } => {
                    assert!(self.timers.insert((visit, kind), due).is_none(), "one timer for each visit and kind");
                }
                Effect::CancelTimers { visit } => self.timers.retain(|(of, _), _| *of != visit),
                Effect::CancelMessages | Effect::End(_) => {}
            }
        }
    }

    fn accept(&mut self) {
        if self.enrollment.phase == Phase::Sending {
            self.tell(Event::Accepted { visit: self.enrollment.visit, at: self.now });
        }
    }

    fn message(&mut self, what: PlanEvent) {
        let visit = self.enrollment.message_visit.expect("something was sent");
        self.tell(Event::Message { visit, what, at: self.now });
    }

    fn pass(&mut self, time: TimeDelta, backwards: bool) {
        self.now += time;
        let mut due: Vec<_> =
            self.timers.iter().map(|(key, due)| (*due, *key)).filter(|(due, _)| *due <= self.now).collect();
        due.sort();
        if backwards {
            due.reverse();
        }
        for (due, (visit, kind)) in due {
            if self.timers.remove(&(visit, kind)).is_some() {
                self.tell(Event::Timer { visit, kind, due });
            }
        }
    }

    fn turn(&mut self, turn: &Turn) {
        match turn {
            Turn::Accept => self.accept(),
            Turn::Tell { visit, what, hours_ago } if !self.sent.is_empty() => {
                let (visit, _) = self.sent[visit.index(self.sent.len())];
                self.tell(Event::Message { visit, what: *what, at: self.now - TimeDelta::hours(*hours_ago) });
            }
            Turn::Tell { .. } => {}
            Turn::Pass { hours, backwards } => self.pass(TimeDelta::hours(*hours), *backwards),
            Turn::Again(which) if !self.events.is_empty() => self.tell(self.events[which.index(self.events.len())]),
            Turn::Again(_) => {}
        }
    }

    fn node(&self) -> &str {
        &self.plan.nodes[self.enrollment.node].id
    }
}

fn five_nodes() -> World {
    let plan = parse(include_bytes!("../plans/examples/five_nodes.json")).expect("a plan");
    // In test mode nobody waits for a morning.
    World::begin(compile(&plan).expect("a good plan"), 1_440)
}

fn minutes(minutes: i64) -> TimeDelta {
    TimeDelta::minutes(minutes)
}

#[test]
fn a_contact_who_clicks_goes_another_way_than_one_who_does_nothing() {
    let mut keen = five_nodes();
    keen.accept();
    keen.message(PlanEvent::Opened);
    assert_eq!(keen.node(), "reminder");
    keen.accept();
    keen.message(PlanEvent::Clicked);
    assert_eq!(keen.node(), "offer");
    keen.accept();
    keen.pass(minutes(14), false);
    assert_eq!((keen.enrollment.end(), keen.sent.len()), (Some(End::Completed), 3));

    let mut silent = five_nodes();
    silent.accept();
    silent.pass(minutes(2), false);
    assert_eq!(silent.node(), "intro");
    silent.pass(minutes(1), false);
    assert_eq!(silent.node(), "again");
    silent.accept();
    silent.pass(minutes(5), false);
    assert_eq!((silent.enrollment.end(), silent.sent.len()), (Some(End::Completed), 2));
}

#[test]
fn an_open_before_the_timers_time_wins_even_if_it_is_told_at_the_same_moment() {
    let mut world = five_nodes();
    world.accept();
    let visit = world.enrollment.visit;
    let opened = world.now + minutes(2);
    world.now += minutes(10);
    world.tell(Event::Message { visit, what: PlanEvent::Opened, at: opened });
    assert_eq!(world.node(), "reminder", "the timer was due, and had not fired");
    world.tell(Event::Timer { visit, kind: TimerKind::NoOpen, due: opened + minutes(1) });
    assert_eq!(world.node(), "reminder", "of a node that was left");
}

#[test]
fn an_open_that_is_told_after_the_timer_fired_changes_nothing() {
    let mut world = five_nodes();
    world.accept();
    let visit = world.enrollment.visit;
    world.pass(minutes(3), false);
    assert_eq!(world.node(), "again");
    let before = world.enrollment.clone();
    world.tell(Event::Message { visit, what: PlanEvent::Opened, at: world.now - minutes(2) });
    assert_eq!(world.enrollment, before);
}

#[test]
fn an_open_after_its_limit_leads_nowhere_and_keeps_no_open_from_coming_only_if_it_came_first() {
    let mut world = five_nodes();
    world.accept();
    // Two days are two minutes here, and three are three.
    world.now += TimeDelta::seconds(150);
    world.message(PlanEvent::Opened);
    assert_eq!(world.node(), "intro");
    world.pass(minutes(3), false);
    assert_eq!(world.node(), "intro", "it was opened: no_open would be untrue");
    world.pass(minutes(60 * 24), false);
    assert_eq!(world.enrollment.end(), Some(End::Completed), "and nothing else can come");
}

#[test]
fn what_ends_all_ends_at_any_node_and_phase() {
    for (what, end) in [
        (PlanEvent::Unsubscribed, End::Unsubscribed),
        (PlanEvent::Converted, End::Converted),
        (PlanEvent::Complained, End::Complained),
    ] {
        let mut sending = five_nodes();
        sending.tell(Event::Contact { what, at: sending.now });
        assert_eq!(sending.enrollment.end(), Some(end));
        let mut waiting = five_nodes();
        waiting.accept();
        waiting.tell(Event::Contact { what, at: waiting.now });
        assert_eq!((waiting.enrollment.end(), waiting.timers.len()), (Some(end), 0));
    }
}

#[test]
fn a_bounce_ends_what_says_nothing_else_of_it_and_a_reply_to_an_older_message_too() {
    let mut bounced = five_nodes();
    bounced.message(PlanEvent::Bounced);
    assert_eq!(bounced.enrollment.end(), Some(End::Bounced));
    let mut replied = five_nodes();
    replied.accept();
    let first = replied.enrollment.visit;
    replied.message(PlanEvent::Opened);
    replied.tell(Event::Message { visit: first, what: PlanEvent::Replied, at: replied.now });
    assert_eq!(replied.enrollment.end(), Some(End::Replied));
}

/// A send, then a wait of a day that an open may end early.
fn send_then_wait(first: serde_json::Value) -> World {
    let content = r#"{{unsubscribe_url}}"#;
    let plan = serde_json::json!({"version": 1, "startNodeId": "a", "nodes": [
        {"id": "a", "action": "send", "subject": "A", "body": content, "transitions": [first]},
        {"id": "b", "action": "wait", "schedule": {"delay": "P1D"},
            "transitions": [{"on": "opened", "to": "c"}, {"on": "elapsed", "to": "d"}]},
        {"id": "c", "action": "send", "subject": "C", "body": content, "transitions": [{"on": "elapsed", "to": "d", "after": "P1D"}]},
        {"id": "d", "action": "stop"},
    ]});
    let plan = parse(plan.to_string().as_bytes()).expect("a plan");
    World::begin(compile(&plan).expect("a good plan"), 1)
}

#[test]
fn an_open_leads_on_once_and_one_that_led_nowhere_yet_counts_at_the_wait_behind() {
    let mut world = send_then_wait(serde_json::json!({"on": "opened", "to": "b"}));
    world.accept();
    world.message(PlanEvent::Opened);
    assert_eq!(world.node(), "b", "it led here, and not on at once");
    world.message(PlanEvent::Opened);
    assert_eq!(world.node(), "b", "the same open again");

    let mut world = send_then_wait(serde_json::json!({"on": "elapsed", "to": "b", "after": "PT1H"}));
    world.accept();
    world.message(PlanEvent::Opened);
    assert_eq!(world.node(), "a");
    world.pass(TimeDelta::hours(1), false);
    assert_eq!(world.node(), "c", "it was opened while nobody waited for that");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn every_enrollment_ends_and_sends_once_a_visit(plan in plans(true), turns in history()) {
        let compiled = compile(&plan).map_err(|problems| TestCaseError::fail(format!("{problems:?}")))?;
        let mut world = World::begin(compiled, 1);
        turns.iter().for_each(|turn| world.turn(turn));
        // Left alone, it comes to its end: each round is a node, or the last of its timers.
        for _ in 0..2 * VISITS_MAX {
            world.accept();
            world.pass(TimeDelta::days(40), false);
        }
        prop_assert!(world.enrollment.end().is_some(), "{:?}", world.enrollment);
        prop_assert!(world.timers.is_empty(), "{:?}", world.timers);
        let visits: BTreeSet<u32> = world.sent.iter().map(|(visit, _)| *visit).collect();
        prop_assert_eq!(visits.len(), world.sent.len(), "one message for each visit");
        prop_assert_eq!(world.effects_after_end, 0, "stop means stop");
    }

    #[test]
    fn no_contact_gets_more_than_the_plan_was_said_to_send(plan in plans(false), turns in history()) {
        let compiled = compile(&plan).map_err(|problems| TestCaseError::fail(format!("{problems:?}")))?;
        let most = compiled.messages_max;
        let mut world = World::begin(compiled, 1);
        turns.iter().for_each(|turn| world.turn(turn));
        let most = most.ok_or_else(|| TestCaseError::fail("a plan without loops is bounded"))?;
        prop_assert!(world.sent.len() <= most as usize, "{} of {most}", world.sent.len());
    }

    #[test]
    fn an_event_that_is_told_again_changes_nothing(plan in plans(true), turns in history()) {
        let compiled = compile(&plan).map_err(|problems| TestCaseError::fail(format!("{problems:?}")))?;
        let mut world = World::begin(compiled, 1);
        for turn in &turns {
            world.turn(turn);
            let before = world.enrollment.clone();
            for event in world.events.clone() {
                let again = step(&world.plan, before.clone(), &event, world.now);
                prop_assert_eq!(&again.enrollment, &before, "{:?}", event);
                prop_assert!(again.effects.is_empty() && again.taken.is_empty(), "{:?}", event);
            }
        }
    }

    #[test]
    fn timers_that_are_due_together_may_fire_in_any_order(plan in plans(true), hours in 0i64..400) {
        let compiled = compile(&plan).map_err(|problems| TestCaseError::fail(format!("{problems:?}")))?;
        let ends = [false, true].map(|backwards| {
            let mut world = World::begin(compiled.clone(), 1);
            world.accept();
            world.pass(TimeDelta::hours(hours), backwards);
            world.enrollment
        });
        prop_assert_eq!(&ends[0], &ends[1]);
    }
}
