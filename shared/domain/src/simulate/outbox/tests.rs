//! The outbox against brute force: whatever comes due when, and is called off, every message leaves once, no bucket gives
//! more than its limit, and what held a message adds up to its wait.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::limits::LimitSet;

const SENDERS: u32 = 3;
const DOMAINS: u32 = 3;
const START: i64 = 1_795_000_000_000_000;

#[derive(Debug, Clone)]
struct Arrival {
    after: i64,
    sender: u32,
    domain: u32,
    zone: u32,
    is_called_off: bool,
}

fn arrivals() -> impl Strategy<Value = Vec<Arrival>> {
    let after = prop_oneof![3 => Just(0), 2 => 0i64..3_000_000, 1 => 0i64..60_000_000];
    let arrival = (after, 0..SENDERS, 0..DOMAINS, 0u32..2, prop::bool::weighted(0.1)).prop_map(
        |(after, sender, domain, zone, is_called_off)| Arrival { after, sender, domain, zone, is_called_off },
    );
    prop::collection::vec(arrival, 1..80)
}

fn limits() -> impl Strategy<Value = LimitSet> {
    let fast = (1u32..40, 1u32..20).prop_map(|(rate, burst)| vec![format!("{rate}/s,burst={burst}")]);
    let slow = (6u32..200, 1u32..9).prop_map(|(rate, burst)| vec![format!("{rate}/min,burst={burst}")]);
    let two = (1u32..8, 30u32..200).prop_map(|(fast, slow)| vec![format!("{fast}/s"), format!("{slow}/min,burst=9")]);
    let texts = prop_oneof![2 => fast, 2 => slow, 2 => two, 1 => Just(Vec::new())];
    texts.prop_map(|texts| LimitSet::parse(&texts).expect("they read"))
}

/// By sender, domain, tenant and fleet.
struct World<'a> {
    limits: &'a [LimitSet; 4],
    outbox: Outbox<'a>,
    agenda: Agenda,
    due: BTreeMap<u32, (i64, Mail)>,
    sends: Vec<(i64, Mail)>,
    idle_since: Option<i64>,
    longest_idle: i64,
}

impl<'a> World<'a> {
    fn new(calendar: &'a Calendar, limits: &'a [LimitSet; 4]) -> Self {
        let bucket = |at: usize| Bucket::new(at as u32, &limits[at]);
        let (senders, domains) = (vec![bucket(0); SENDERS as usize], vec![bucket(1); DOMAINS as usize]);
        let zones = vec![Zone::UTC, "America/New_York".parse().expect("a zone")];
        Self {
            limits,
            outbox: Outbox::new(calendar, zones, [bucket(2), bucket(3)], senders, domains),
            agenda: Agenda::until(i64::MAX),
            due: BTreeMap::new(),
            sends: Vec::new(),
            idle_since: None,
            longest_idle: 0,
        }
    }

    fn run(&mut self, arrivals: &[Arrival]) {
        let mut at = START;
        for (contact, arrival) in arrivals.iter().enumerate() {
            at += arrival.after;
            self.agenda.add(at, Happening::Due { contact: contact as u32, visit: 1 });
        }
        while let Some((now, happening)) = self.agenda.next() {
            match happening {
                Happening::Due { contact, visit } => {
                    let Arrival { sender, domain, zone, .. } = arrivals[contact as usize];
                    let mail = Mail { contact, visit, sender, domain, zone };
                    self.due.insert(contact, (now, mail));
                    self.outbox.join(mail, now);
                }
                Happening::Wake(wake) => self.outbox.wake(wake, now, &mut self.agenda),
                other => panic!("{other:?}"),
            }
            let is_wanted = |mail: &Mail| !arrivals[mail.contact as usize].is_called_off;
            while let Some(left) = self.outbox.next(now, &mut self.agenda, &is_wanted) {
                let (due, mail) = self.due.remove(&left.mail.contact).expect("it was due, and left once");
                assert_eq!((left.mail, left.held.all()), (mail, now - due), "{:?}", left.held);
                assert_eq!(left.classes, [3, 2, 1, 0]);
                self.sends.push((now, mail));
                self.idle_since = None;
            }
            self.look_for_idlers(now, &is_wanted);
        }
        self.due.retain(|contact, _| !arrivals[*contact as usize].is_called_off);
    }

    /// What stands still although all its buckets have tokens.
    fn look_for_idlers(&mut self, now: i64, is_wanted: &impl Fn(&Mail) -> bool) {
        let can_go = |(_, mail): &&(i64, Mail)| {
            let buckets = [
                &self.outbox.senders[mail.sender as usize].bucket,
                &self.outbox.domains[mail.domain as usize].bucket,
                &self.outbox.tenant,
                &self.outbox.global,
            ];
            is_wanted(mail) && buckets.iter().all(|bucket| bucket.available(now) > 0)
        };
        let idles = self.due.values().any(|waiting| can_go(&waiting));
        self.idle_since = idles.then(|| self.idle_since.unwrap_or(now));
        self.longest_idle = self.longest_idle.max(self.idle_since.map_or(0, |since| now - since));
    }

    fn breach(&self) -> Option<String> {
        let of = |mail: &Mail| [("sender", mail.sender), ("domain", mail.domain), ("tenant", 0), ("fleet", 0)];
        let mut by_bucket: BTreeMap<(usize, (&str, u32)), Vec<i64>> = BTreeMap::new();
        for (at, mail) in &self.sends {
            of(mail).into_iter().enumerate().for_each(|key| by_bucket.entry(key).or_default().push(*at));
        }
        for ((scope, bucket), times) in by_bucket {
            for rate in self.limits[scope].rates() {
                for (first, begin) in times.iter().enumerate() {
                    for (last, end) in times.iter().enumerate().skip(first) {
                        let promised = (end - begin) / rate.interval_us() as i64 + i64::from(rate.burst());
                        if (last - first + 1) as i64 > promised {
                            return Some(format!("{bucket:?}: {} in {} µs", last - first + 1, end - begin));
                        }
                    }
                }
            }
        }
        None
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn everything_leaves_once_and_within_every_limit(
        limits in [limits(), limits(), limits(), limits()], arrivals in arrivals(),
    ) {
        let calendar = Calendar::new(None, None, &[]).expect("always open");
        let mut world = World::new(&calendar, &limits);
        world.run(&arrivals);
        prop_assert!(world.due.is_empty(), "{:?} never left", world.due);
        let breach = world.breach();
        prop_assert!(breach.is_none(), "{breach:?}");
        // A domain's token that whoever was called took for another is offered again with the next one.
        let offered_again = limits[1].rates().iter().map(|rate| rate.interval_us() as i64).max().unwrap_or(0);
        prop_assert!(world.longest_idle <= offered_again, "{} µs", world.longest_idle);
    }
}
