//! Any plan, any limits, any contacts.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use uuid::Uuid;

use super::behavior::reactions;
use super::*;
use crate::engine::random_plans::plans;
use crate::engine::{Effect, End, Enrollment, Event, Stepped, begin, step};
use crate::ids::TenantId;
use crate::limits::{Channel, LimitBook, LimitOverride, LimitSet, LimitTarget, Scope};
use crate::plans::{Plan, PlanEvent, compile};

const TENANT: TenantId = TenantId(Uuid::nil());

fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000, 0).expect("a time")
}

fn behaviors() -> impl Strategy<Value = Behavior> {
    let share = || prop_oneof![Just(0.0), 0.0..0.4, Just(1.0)];
    let rare = || prop_oneof![2 => Just(0.0), 1 => 0.0..0.2];
    ((0.0..0.3, share(), 0.0..=1.0), (rare(), rare(), rare(), rare()), prop_oneof![Just(0.0), 0.1..60.0]).prop_map(
        |((bounce, open, part), (reply, unsubscribe, complain, convert), mean_hours)| Behavior {
            bounce,
            open,
            click: open * part,
            reply,
            unsubscribe,
            complain,
            convert,
            mean_hours,
        },
    )
}

fn limits(has_quota: bool) -> impl Strategy<Value = Vec<String>> {
    let rate = (1u32..200, prop::sample::select(vec!["min", "h"]), 1u32..9)
        .prop_map(|(rate, period, burst)| format!("{rate}/{period},burst={burst}"));
    let quota = (5u32..60).prop_map(|quota| format!("{quota}/day"));
    (prop::option::of(rate), prop::option::weighted(0.4, quota))
        .prop_map(move |(rate, quota)| rate.into_iter().chain(quota.filter(|_| has_quota)).collect())
}

/// By `Scope::ALL`: fleet, tenant, domains, senders.
type Limits = [Vec<String>; 4];

fn all_limits() -> impl Strategy<Value = Limits> {
    [limits(true).boxed(), limits(true).boxed(), limits(false).boxed(), limits(true).boxed()]
}

fn settings(contacts: u32, seed: u64, behavior: Behavior, limits: &Limits) -> Settings {
    let targets =
        [LimitTarget::Global, LimitTarget::Tenant(TENANT), LimitTarget::Domains(TENANT), LimitTarget::Senders(TENANT)];
    let set = targets.into_iter().zip(limits);
    let set = set.map(|(target, texts)| LimitOverride::parse(target, Channel::Email, texts).expect("they read"));
    Settings {
        seed,
        behavior,
        senders: Settings::numbered_senders(3),
        limits: LimitBook::new(set.collect::<Vec<_>>()),
        domains: "a.example=0.5,b.example=0.2".parse().expect("domains"),
        zones: "America/New_York=0.3".parse().expect("zones"),
        days_max: 400,
        ..Settings::new(contacts, noon())
    }
}

fn office(mut plan: Plan, window: bool) -> Plan {
    let hours = r#"{"start":"09:00","end":"17:00","weekdays":["mon","wed","fri"]}"#;
    plan.sending_window = window.then(|| serde_json::from_str(hours).expect("hours"));
    plan
}

/// One contact, the engine, and a list: nothing of the simulation but what contacts do.
struct Alone<'a> {
    plan: &'a Compiled,
    enrollment: Enrollment,
    to_come: BTreeMap<(i64, usize), Event>,
    due: BTreeMap<(i64, usize), u32>,
    told: usize,
    sent: Vec<i64>,
    canceled_timers: Vec<u32>,
    is_suppressed: bool,
}

impl Alone<'_> {
    fn carry_out(&mut self, stepped: Stepped) {
        self.enrollment = stepped.enrollment;
        for effect in stepped.effects {
            self.told += 1;
            match effect {
                Effect::ScheduleMessage { visit, run_at, .. } => {
                    self.due.insert((run_at.timestamp_micros(), self.told), visit);
                }
                Effect::SetTimer { visit, kind, due } => {
                    self.to_come.insert((due.timestamp_micros(), self.told), Event::Timer { visit, kind, due });
                }
                Effect::CancelTimers { visit } => self.canceled_timers.push(visit),
                Effect::CancelMessages => self.due.clear(),
                Effect::End(_) => {}
            }
        }
    }

    fn tell(&mut self, event: Event, now: i64) {
        if let Event::Message { what: PlanEvent::Bounced | PlanEvent::Complained | PlanEvent::Unsubscribed, .. } = event
        {
            self.is_suppressed = true;
        }
        let stepped = step(self.plan, self.enrollment.clone(), &event, moment(now));
        self.carry_out(stepped);
    }

    fn run(mut self, behavior: &Behavior, seed: u64, contact: u32, end: i64) -> (Option<End>, Vec<i64>) {
        while self.enrollment.end().is_none() {
            let (due, event) = (self.due.first_key_value(), self.to_come.first_key_value());
            let next = due.map(|(key, _)| *key).into_iter().chain(event.map(|(key, _)| *key)).min();
            let Some(key) = next.filter(|(at, _)| *at <= end) else { break };
            let now = key.0;
            if let Some(visit) = self.due.remove(&key) {
                if self.is_suppressed {
                    self.tell(Event::Message { visit, what: PlanEvent::Blocked, at: moment(now) }, now);
                    continue;
                }
                self.sent.push(now);
                self.tell(Event::Accepted { visit, at: moment(now) }, now);
                for (after, what) in reactions(behavior, seed, contact, visit) {
                    self.told += 1;
                    let event = Event::Message { visit, what, at: moment(now + after) };
                    self.to_come.insert((now + after, self.told), event);
                }
            } else if let Some(event) = self.to_come.remove(&key) {
                let is_canceled = matches!(event, Event::Timer { visit, .. } if self.canceled_timers.contains(&visit));
                if !is_canceled {
                    self.tell(event, now);
                }
            }
        }
        (self.enrollment.end(), self.sent)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn without_limits_it_is_the_engine_contact_by_contact(
        plan in plans(true), window in any::<bool>(), behavior in behaviors(), seed in any::<u64>(),
    ) {
        let plan = compile(&office(plan, window)).map_err(|problems| TestCaseError::fail(format!("{problems:?}")))?;
        let settings = Settings { zones: Shares::default(), ..settings(20, seed, behavior, &Limits::default()) };
        let mut left: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
        let simulation = run::Run::new(&plan, &settings).go(|now, sent| left.entry(sent.mail.contact).or_default().push(now));
        let end = settings.start.timestamp_micros() + i64::from(settings.days_max) * 86_400_000_000;
        let mut ends: BTreeMap<End, u32> = BTreeMap::new();
        for contact in 0..settings.contacts {
            let begun = begin(&plan, None, 1, settings.start);
            let mut alone = Alone {
                plan: &plan, enrollment: begun.enrollment.clone(), to_come: BTreeMap::new(), due: BTreeMap::new(), told: 0,
                sent: Vec::new(), canceled_timers: Vec::new(), is_suppressed: false,
            };
            alone.carry_out(begun);
            let (ended, sent) = alone.run(&behavior, seed, contact, end);
            ended.into_iter().for_each(|ended| *ends.entry(ended).or_default() += 1);
            prop_assert_eq!(left.get(&contact).cloned().unwrap_or_default(), sent, "of contact {}", contact);
        }
        prop_assert_eq!(simulation.ends.iter().map(|end| (end.end, end.count)).collect::<BTreeMap<_, _>>(), ends);
        prop_assert_eq!(simulation.binding, None);
    }

    #[test]
    fn no_scope_gives_more_than_its_limit_in_any_time(
        plan in plans(false), window in any::<bool>(), behavior in behaviors(), seed in any::<u64>(), limits in all_limits(),
    ) {
        let plan = compile(&office(plan, window)).map_err(|problems| TestCaseError::fail(format!("{problems:?}")))?;
        let settings = settings(60, seed, behavior, &limits);
        let mut by_bucket: BTreeMap<(usize, u32), Vec<i64>> = BTreeMap::new();
        let simulation = run::Run::new(&plan, &settings).go(|now, left| {
            for key in [(0, 0), (1, 0), (2, left.mail.domain), (3, left.mail.sender)] {
                by_bucket.entry(key).or_default().push(now);
            }
        });
        for ((scope, bucket), times) in by_bucket {
            let set = LimitSet::parse(&limits[scope]).expect("they read");
            for rate in set.rates() {
                for (first, begin) in times.iter().enumerate() {
                    for (last, end) in times.iter().enumerate().skip(first) {
                        let promised = (end - begin) / rate.interval_us() as i64 + i64::from(rate.burst());
                        prop_assert!((last - first + 1) as i64 <= promised, "{:?} {bucket}", Scope::ALL[scope]);
                    }
                }
            }
            let mut days: BTreeMap<i64, u32> = BTreeMap::new();
            times.iter().for_each(|at| *days.entry(at / 86_400_000_000).or_default() += 1);
            prop_assert!(days.values().all(|sent| set.quota().is_none_or(|quota| *sent <= quota)), "{days:?}");
        }
        prop_assert!(Some(simulation.messages.per_contact_max) <= simulation.messages.static_max);
    }

    #[test]
    fn the_same_settings_give_the_same_answer_and_its_numbers_agree(
        plan in plans(true), window in any::<bool>(), behavior in behaviors(), seed in any::<u64>(), limits in all_limits(),
    ) {
        let plan = compile(&office(plan, window)).map_err(|problems| TestCaseError::fail(format!("{problems:?}")))?;
        let settings = settings(40, seed, behavior, &limits);
        let simulation = simulate(&plan, &settings).map_err(|problems| TestCaseError::fail(format!("{problems:?}")))?;
        prop_assert_eq!(simulate(&plan, &settings).ok(), Some(simulation.clone()));
        let ended: u32 = simulation.ends.iter().map(|end| end.count).sum();
        prop_assert_eq!(ended + simulation.unfinished, 40);
        prop_assert_eq!(simulation.unfinished > 0, simulation.stopped_by.is_some());
        prop_assert_eq!(simulation.sends.iter().map(|day| day.sent).sum::<u64>(), simulation.messages.total);
        prop_assert_eq!(simulation.nodes.iter().map(|node| node.sent).sum::<u64>(), simulation.messages.total);
        let still_there: u64 = simulation.nodes.iter().map(|node| node.still_there).sum();
        prop_assert_eq!(still_there, u64::from(simulation.unfinished));
        for (at, node) in simulation.nodes.iter().enumerate() {
            let into = simulation.nodes.iter().flat_map(|from| &from.ways).filter(|way| way.to == node.id);
            let into = into.map(|way| way.count).sum::<u64>() + if at == plan.start { 40 } else { 0 };
            prop_assert_eq!(node.entered, into, "{}", &node.id);
        }
        let waits = &simulation.waits;
        let held = [&waits.sender, &waits.tenant, &waits.domain, &waits.global, &waits.quota];
        prop_assert_eq!(held.iter().any(|wait| wait.messages > 0), simulation.binding.is_some());
        prop_assert!(held.iter().all(|wait| wait.messages <= simulation.messages.total));
    }
}
