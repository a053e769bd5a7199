//! What recipient domains refuse, and when its turn comes again.

use std::rc::Rc;

use super::lane::{Room, Stand, Waiting};
use super::{Mail, Outbox};
use crate::limits::Scope;
use crate::simulate::agenda::{Agenda, Happening, Wake};
use crate::simulate::bucket::Refusal;
use crate::simulate::held::{Held, Holder};

impl Outbox<'_> {
    /// The lane's first message whose domain has a token, and what held it: from a room that is open, else of the fresh
    /// ones. Those before it step aside.
    pub(super) fn pick(
        &mut self,
        at: u32,
        now: i64,
        agenda: &mut Agenda,
        is_wanted: &impl Fn(&Mail) -> bool,
    ) -> Option<(Mail, Held)> {
        let along = self.lane_reading(at, now);
        while let Some(domain) = self.lanes[at as usize].open.pop_front() {
            self.looks += 1;
            if let Some(refusal) = self.domains[domain as usize].bucket.refusal(now) {
                self.close_room(at, domain, refusal, now, &along, agenda);
                continue;
            }
            let Some(room) = self.rooms.get_mut(&(at, domain)) else { continue };
            let reading = room.clock.read(now, &along);
            let wanted = loop {
                match room.queue.pop_front() {
                    Some(waiting) if !is_wanted(&waiting.mail) => {}
                    other => break other,
                }
            };
            if room.queue.is_empty() {
                self.rooms.remove(&(at, domain));
            } else {
                self.lanes[at as usize].open.push_back(domain);
            }
            if let Some(Waiting { mail, base }) = wanted {
                return Some((mail, reading.minus(&base)));
            }
        }
        while let Some(waiting) = self.lanes[at as usize].fresh.pop_front() {
            self.looks += 1;
            if !is_wanted(&waiting.mail) {
                continue;
            }
            let domain = &self.domains[waiting.mail.domain as usize];
            let refusal = domain.bucket.refusal(now);
            // Where others wait for that domain already, nobody goes before them.
            if refusal.is_none() && domain.parked.is_empty() {
                return Some((waiting.mail, along.minus(&waiting.base)));
            }
            self.step_aside(at, waiting, refusal, now, &along, agenda);
        }
        None
    }

    /// Opens as many rooms as the domain has tokens, and besides those whose sender has none just now.
    pub(super) fn wake_domain(&mut self, domain: u32, now: i64, agenda: &mut Agenda) {
        let place = domain as usize;
        self.domains[place].has_wake = false;
        let (tokens, mut spoken_for) = (self.domains[place].bucket.available(now), 0);
        while spoken_for < tokens {
            let Some(at) = self.domains[place].parked.pop_front() else { return };
            self.looks += 1;
            let along = self.lane_reading(at, now);
            if let Some(room) = self.rooms.get_mut(&(at, domain)) {
                room.clock.count_along(now, &along);
            }
            self.lanes[at as usize].open.push_back(domain);
            self.rouse(at, now);
            let lane = &self.lanes[at as usize];
            let can_go = lane.stand == Stand::Ready && self.senders[lane.sender as usize].bucket.refusal(now).is_none();
            spoken_for += i64::from(can_go);
        }
        // The others' turn comes with the first token that those do not take.
        if let Some(refusal) = self.domains[place].bucket.refusal_after(now, spoken_for) {
            self.wake_later(domain, refusal, now, agenda);
        }
    }

    fn wake_later(&mut self, domain: u32, refusal: Refusal, now: i64, agenda: &mut Agenda) {
        let queued = &mut self.domains[domain as usize];
        if !queued.parked.is_empty() && !std::mem::replace(&mut queued.has_wake, true) {
            agenda.add(now + refusal.wait, Happening::Wake(Wake::Domain(domain)));
        }
    }

    fn close_room(&mut self, at: u32, domain: u32, refusal: Refusal, now: i64, along: &Held, agenda: &mut Agenda) {
        if let Some(room) = self.rooms.get_mut(&(at, domain)) {
            room.clock.count_for(Holder::Limit(Scope::Domain, refusal.limit), now, along);
            self.domains[domain as usize].parked.push_back(at);
            self.wake_later(domain, refusal, now, agenda);
        }
    }

    fn step_aside(
        &mut self,
        at: u32,
        Waiting { mail, base }: Waiting,
        refusal: Option<Refusal>,
        now: i64,
        along: &Held,
        agenda: &mut Agenda,
    ) {
        let room = self.rooms.entry((at, mail.domain)).or_insert_with(Room::new);
        let is_first = room.queue.is_empty();
        if is_first {
            let limit = refusal.map_or(0, |refusal| refusal.limit);
            room.clock.count_for(Holder::Limit(Scope::Domain, limit), now, along);
        }
        // What held it so far goes with it.
        let base = room.clock.read(now, along).minus(&along.minus(&base));
        room.queue.push_back(Waiting { mail, base: Rc::new(base) });
        if is_first {
            self.domains[mail.domain as usize].parked.push_back(at);
            if let Some(refusal) = refusal {
                self.wake_later(mail.domain, refusal, now, agenda);
            }
        }
    }

    fn lane_reading(&self, at: u32, now: i64) -> Held {
        self.lanes[at as usize].clock.read(now, &self.gate.read(now, &Held::NONE))
    }
}
