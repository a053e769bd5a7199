//! What is due and has not left. A message leaves when its sender, its recipient's domain, the tenant and the fleet each
//! have a token for it, and its contact's hours are open: all of that, or it takes nothing.
//!
//! Nobody looks at what waits. Messages of one sender and one zone stand in a lane, which is ready, or waits as a whole
//! for its sender or its hours. Where the tenant or the fleet has no token, a gate is shut before all lanes that are
//! ready. What a domain refuses steps aside into the lane's room for that domain, as the feeder does it. So each message
//! is moved twice at most, however long it waits.

mod lane;
mod rooms;

use std::collections::{BTreeMap, VecDeque};

use super::agenda::{Agenda, Happening, Wake};
use super::bucket::Bucket;
use super::held::{Clock, Held, Holder};
use super::moment;
use crate::limits::Scope;
use crate::plans::{Calendar, Zone};
use lane::{Lane, Room, Stand};

const MINUTE_US: i64 = 60_000_000;

/// A message that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mail {
    pub contact: u32,
    pub visit: u32,
    pub sender: u32,
    pub domain: u32,
    pub zone: u32,
}

/// One that left, and what held it since it was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    pub mail: Mail,
    pub held: Held,
    /// Of its buckets, in the order of `Scope::ALL`.
    pub classes: [u32; 4],
}

#[derive(Debug)]
pub struct Outbox<'a> {
    calendar: &'a Calendar,
    zones: Vec<Zone>,
    tenant: Bucket,
    global: Bucket,
    gate: Clock,
    gate_is_shut: bool,
    senders: Vec<Queued<Vec<u32>>>,
    domains: Vec<Queued<VecDeque<u32>>>,
    lanes: Vec<Lane>,
    lane_of: BTreeMap<(u32, u32), u32>,
    /// By lane and domain.
    rooms: BTreeMap<(u32, u32), Room>,
    ready: VecDeque<u32>,
    /// How often anything was looked at.
    pub looks: u64,
}

/// A bucket, and the lanes that wait for its next token. Whenever there are any, a wake is on the agenda.
#[derive(Debug)]
struct Queued<Lanes> {
    bucket: Bucket,
    parked: Lanes,
    has_wake: bool,
}

fn queued<Lanes: Default>(bucket: Bucket) -> Queued<Lanes> {
    Queued { bucket, parked: Lanes::default(), has_wake: false }
}

impl<'a> Outbox<'a> {
    pub fn new(
        calendar: &'a Calendar,
        zones: Vec<Zone>,
        [tenant, global]: [Bucket; 2],
        senders: Vec<Bucket>,
        domains: Vec<Bucket>,
    ) -> Self {
        Self {
            calendar,
            zones,
            tenant,
            global,
            gate: Clock::new(),
            gate_is_shut: false,
            senders: senders.into_iter().map(queued).collect(),
            domains: domains.into_iter().map(queued).collect(),
            lanes: Vec::new(),
            lane_of: BTreeMap::new(),
            rooms: BTreeMap::new(),
            ready: VecDeque::new(),
            looks: 0,
        }
    }

    /// A message is due now.
    pub fn join(&mut self, mail: Mail, now: i64) {
        let next = self.lanes.len() as u32;
        let at = *self.lane_of.entry((mail.sender, mail.zone)).or_insert(next);
        if at == next {
            self.lanes.push(Lane::new(mail.sender, mail.zone));
        }
        let before = self.gate.read(now, &Held::NONE);
        self.lanes[at as usize].join(mail, now, &before);
        self.rouse(at, now);
    }

    pub fn wake(&mut self, what: Wake, now: i64, agenda: &mut Agenda) {
        match what {
            Wake::Gate => {
                self.gate_is_shut = false;
                self.gate.stop(now, &Held::NONE);
            }
            Wake::Sender(sender) => {
                let sender = &mut self.senders[sender as usize];
                sender.has_wake = false;
                for lane in std::mem::take(&mut sender.parked) {
                    self.make_ready(lane, now);
                }
            }
            Wake::Domain(domain) => self.wake_domain(domain, now, agenda),
            Wake::Lane(lane) => self.make_ready(lane, now),
        }
    }

    /// The next message that leaves now, if one may. Whoever calls it goes on until nothing more does; only then may time
    /// pass.
    pub fn next(&mut self, now: i64, agenda: &mut Agenda, is_wanted: &impl Fn(&Mail) -> bool) -> Option<Left> {
        while !self.ready.is_empty() && self.gate_is_open(now, agenda) {
            let lane = self.ready.pop_front()?;
            self.looks += 1;
            if let Some(left) = self.turn(lane, now, agenda, is_wanted) {
                return Some(left);
            }
        }
        None
    }

    fn gate_is_open(&mut self, now: i64, agenda: &mut Agenda) -> bool {
        if self.gate_is_shut {
            return false;
        }
        let refused = [(Scope::Tenant, self.tenant.refusal(now)), (Scope::Global, self.global.refusal(now))];
        let refused = refused.into_iter().filter_map(|(scope, refusal)| Some((scope, refusal?)));
        let Some((scope, refusal)) = refused.max_by_key(|(_, refusal)| refusal.wait) else { return true };
        self.gate_is_shut = true;
        self.gate.count_for(Holder::Limit(scope, refusal.limit), now, &Held::NONE);
        agenda.add(now + refusal.wait, Happening::Wake(Wake::Gate));
        false
    }

    /// A lane's turn: one message of it leaves, or it is known what it waits for.
    fn turn(&mut self, at: u32, now: i64, agenda: &mut Agenda, is_wanted: &impl Fn(&Mail) -> bool) -> Option<Left> {
        let before = self.gate.read(now, &Held::NONE);
        let lane = &mut self.lanes[at as usize];
        if lane.has_nothing() {
            lane.rest(now, &before);
            return None;
        }
        let zone = self.zones[lane.zone as usize];
        if !self.calendar.is_open(moment(now), zone) {
            lane.wait_for(Stand::Closed, Holder::Calendar, now, &before);
            // Where no day is open at all, the calendar answers the same moment again.
            let opens = self.calendar.next_open(moment(now), zone).timestamp_micros().max(now + MINUTE_US);
            agenda.add(opens, Happening::Wake(Wake::Lane(at)));
            return None;
        }
        let (from, sender) = (lane.sender, &mut self.senders[lane.sender as usize]);
        if let Some(refusal) = sender.bucket.refusal(now) {
            lane.wait_for(Stand::Short, Holder::Limit(Scope::Sender, refusal.limit), now, &before);
            sender.parked.push(at);
            if !std::mem::replace(&mut sender.has_wake, true) {
                agenda.add(now + refusal.wait, Happening::Wake(Wake::Sender(from)));
            }
            return None;
        }
        let Some((mail, held)) = self.pick(at, now, agenda, is_wanted) else {
            self.lanes[at as usize].rest(now, &before);
            return None;
        };
        self.ready.push_back(at);
        let buckets = [
            &mut self.global,
            &mut self.tenant,
            &mut self.domains[mail.domain as usize].bucket,
            &mut self.senders[from as usize].bucket,
        ];
        let classes = buckets.map(|bucket| {
            bucket.take(now);
            bucket.class
        });
        Some(Left { mail, held, classes })
    }

    /// A lane that rested has something to do.
    fn rouse(&mut self, at: u32, now: i64) {
        if self.lanes[at as usize].stand == Stand::Resting {
            self.make_ready(at, now);
        }
    }

    fn make_ready(&mut self, at: u32, now: i64) {
        let before = self.gate.read(now, &Held::NONE);
        self.lanes[at as usize].be_ready(now, &before);
        self.ready.push_back(at);
    }
}

#[cfg(test)]
mod tests;
