use std::collections::BTreeMap;

use chrono::{DateTime, Days, Utc};

use super::delays::{Delays, seconds};
use super::held::{Held, Holder};
use super::outbox::Left;
use super::report::{Binding, DaySends, EndShare, NodeCounts, NodeEnd, Waits, WayCount};
use super::scopes::Class;
use crate::engine::{End, Stepped};
use crate::limits::{LIMITS_MAX, Limit, Scope};
use crate::plans::{Compiled, PlanEvent};

/// Most entries of a list of days.
const ENTRIES_MAX: usize = 400;
const DAY_US: i64 = 24 * 3_600 * 1_000_000;
/// Waits for quotas and for the calendar, behind those for the rates of each scope.
const QUOTA: usize = Scope::ALL.len();
const CALENDAR: usize = QUOTA + 1;

/// What happened so far, in numbers.
#[derive(Debug)]
pub struct Tally {
    classes: Vec<Class>,
    /// By class and limit.
    held: Vec<[u128; LIMITS_MAX]>,
    delays: Vec<Delays>,
    nodes: Vec<NodeTally>,
    ends: BTreeMap<End, u32>,
    first_day: i64,
    days: Vec<u64>,
    pub ended: u32,
    pub sent: u64,
    pub canceled: u64,
    pub suppressed: u64,
    pub last_sent: Option<i64>,
    pub last_end: Option<i64>,
}

#[derive(Debug, Clone, Default)]
struct NodeTally {
    entered: u64,
    sent: u64,
    ways: BTreeMap<(PlanEvent, usize), u64>,
    ended: BTreeMap<End, u64>,
}

impl Tally {
    pub fn new(classes: Vec<Class>, nodes: usize, start: i64) -> Self {
        Self {
            held: vec![[0; LIMITS_MAX]; classes.len()],
            classes,
            delays: vec![Delays::new(); CALENDAR + 1],
            nodes: vec![NodeTally::default(); nodes],
            ends: BTreeMap::new(),
            first_day: start.div_euclid(DAY_US),
            days: Vec::new(),
            ended: 0,
            sent: 0,
            canceled: 0,
            suppressed: 0,
            last_sent: None,
            last_end: None,
        }
    }

    pub fn entered(&mut self, node: usize) {
        self.nodes[node].entered += 1;
    }

    /// The ways that were really gone: one that is noted as an enrollment ends leads nowhere.
    pub fn stepped(&mut self, stepped: &Stepped) {
        for taken in stepped.taken.iter().filter(|taken| taken.visit < stepped.enrollment.visit) {
            *self.nodes[taken.from].ways.entry((taken.on, taken.to)).or_default() += 1;
            self.entered(taken.to);
        }
    }

    pub fn end(&mut self, node: usize, end: End, now: i64) {
        self.ended += 1;
        *self.ends.entry(end).or_default() += 1;
        *self.nodes[node].ended.entry(end).or_default() += 1;
        self.last_end = Some(now);
    }

    /// A message left. `until_open` is for how long its node had waited for the plan's hours before it was due.
    pub fn left(&mut self, left: &Left, node: usize, until_open: i64, now: i64) {
        self.sent += 1;
        self.nodes[node].sent += 1;
        self.last_sent = Some(now);
        let day = (now.div_euclid(DAY_US) - self.first_day).max(0) as usize;
        self.days.resize(self.days.len().max(day + 1), 0);
        self.days[day] += 1;
        let mut waits = [0; CALENDAR + 1];
        waits[CALENDAR] = left.held.by(Holder::Calendar) + until_open;
        if left.held != Held::NONE {
            for (scope, class) in Scope::ALL.into_iter().zip(left.classes) {
                let rates = self.classes[class as usize].limits.rates().len();
                for (limit, total) in self.held[class as usize].iter_mut().enumerate() {
                    let micros = left.held.by(Holder::Limit(scope, limit));
                    waits[if limit == rates { QUOTA } else { scope as usize }] += micros;
                    *total += micros.max(0) as u128;
                }
            }
        }
        for (delays, micros) in self.delays.iter_mut().zip(waits).filter(|(_, micros)| *micros > 0) {
            delays.add(micros as u64);
        }
    }

    pub fn waits(&self) -> Waits {
        let of = |at: usize| self.delays[at].wait();
        Waits {
            sender: of(Scope::Sender as usize),
            tenant: of(Scope::Tenant as usize),
            domain: of(Scope::Domain as usize),
            global: of(Scope::Global as usize),
            quota: of(QUOTA),
            sending_window: of(CALENDAR),
        }
    }

    pub fn binding(&self) -> Option<Binding> {
        let of_class = |(class, held): (&Class, &[u128; LIMITS_MAX])| {
            let rates = class.limits.rates().iter().map(|rate| Limit::Rate(*rate));
            let limits = rates.chain(class.limits.quota().map(Limit::Quota));
            let named = limits.zip(*held).map(|(limit, micros)| (micros, class.scope, class.key.clone(), limit));
            named.collect::<Vec<_>>()
        };
        let all = self.classes.iter().zip(&self.held).flat_map(of_class);
        let (micros, scope, key, limit) = all.max_by_key(|(micros, ..)| *micros).filter(|(micros, ..)| *micros > 0)?;
        let words = [Some(scope.as_str().to_owned()), key.clone(), Some(limit.to_string())];
        let text = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
        Some(Binding { limit: text, scope, key, total_seconds: seconds(micros) })
    }

    pub fn ends(&self, contacts: u32) -> Vec<EndShare> {
        let share = |count: u32| f64::from(count) / f64::from(contacts.max(1));
        self.ends.iter().map(|(end, count)| EndShare { end: *end, count: *count, share: share(*count) }).collect()
    }

    /// How many days one entry covers, and the entries.
    pub fn sends(&self, start: DateTime<Utc>) -> (u32, Vec<DaySends>) {
        let each = self.days.len().div_ceil(ENTRIES_MAX).max(1);
        let date = |entry: usize| start.date_naive().checked_add_days(Days::new((entry * each) as u64));
        let entries = self.days.chunks(each).enumerate();
        let sends = entries.filter_map(|(at, days)| Some(DaySends { date: date(at)?, sent: days.iter().sum() }));
        (each as u32, sends.collect())
    }

    pub fn nodes(&self, plan: &Compiled) -> Vec<NodeCounts> {
        let counts = |(node, tally): (&crate::plans::CompiledNode, &NodeTally)| NodeCounts {
            id: node.id.clone(),
            entered: tally.entered,
            sent: tally.sent,
            ways: tally
                .ways
                .iter()
                .map(|((on, to), count)| WayCount { on: *on, to: plan.nodes[*to].id.clone(), count: *count })
                .collect(),
            ended: tally.ended.iter().map(|(end, count)| NodeEnd { end: *end, count: *count }).collect(),
            still_there: tally.entered - tally.ways.values().sum::<u64>() - tally.ended.values().sum::<u64>(),
        };
        plan.nodes.iter().zip(&self.nodes).map(counts).collect()
    }
}
