use std::collections::VecDeque;
use std::rc::Rc;

use super::Mail;
use crate::simulate::held::{Clock, Held, Holder};

/// What one sender has for contacts of one zone.
#[derive(Debug)]
pub struct Lane {
    pub sender: u32,
    pub zone: u32,
    pub stand: Stand,
    pub clock: Clock,
    /// In the order in which they were due.
    pub fresh: VecDeque<Waiting>,
    /// Domains whose rooms have their turn before them.
    pub open: VecDeque<u32>,
    /// The newest reading: who joins at the same moment shares it.
    newest: Option<(i64, Rc<Held>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// Has nothing to do, though messages may stand in rooms that are closed.
    Resting,
    /// In line at the gate.
    Ready,
    /// Its sender has no token.
    Short,
    /// Its contacts' hours are over.
    Closed,
}

#[derive(Debug)]
pub struct Waiting {
    pub mail: Mail,
    /// What its queue's clock would show if it had held this message only: what held it is the reading less this.
    pub base: Rc<Held>,
}

/// Messages of a lane whose domain had no token.
#[derive(Debug)]
pub struct Room {
    /// Along with the lane's while the room is open.
    pub clock: Clock,
    pub queue: VecDeque<Waiting>,
}

impl Lane {
    pub fn new(sender: u32, zone: u32) -> Self {
        Self {
            sender,
            zone,
            stand: Stand::Resting,
            clock: Clock::new(),
            fresh: VecDeque::new(),
            open: VecDeque::new(),
            newest: None,
        }
    }

    pub fn has_nothing(&self) -> bool {
        self.fresh.is_empty() && self.open.is_empty()
    }

    pub fn join(&mut self, mail: Mail, now: i64, before: &Held) {
        let base = match &self.newest {
            Some((at, base)) if *at == now => Rc::clone(base),
            _ => Rc::new(self.clock.read(now, before)),
        };
        self.newest = Some((now, Rc::clone(&base)));
        self.fresh.push_back(Waiting { mail, base });
    }

    pub fn be_ready(&mut self, now: i64, gate: &Held) {
        self.stand = Stand::Ready;
        self.clock.count_along(now, gate);
    }

    pub fn wait_for(&mut self, stand: Stand, holder: Holder, now: i64, gate: &Held) {
        self.stand = stand;
        self.clock.count_for(holder, now, gate);
    }

    pub fn rest(&mut self, now: i64, gate: &Held) {
        self.stand = Stand::Resting;
        self.clock.stop(now, gate);
    }
}

impl Room {
    pub fn new() -> Self {
        Self { clock: Clock::new(), queue: VecDeque::new() }
    }
}
