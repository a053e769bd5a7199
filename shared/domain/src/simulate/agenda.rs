use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::engine::TimerKind;
use crate::plans::PlanEvent;

/// What is to come, in the order of time, and of telling where times are equal.
#[derive(Debug)]
pub struct Agenda {
    heap: BinaryHeap<Reverse<(i64, u64, Happening)>>,
    told: u64,
    /// What would come later never does, and need not be kept.
    end: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Happening {
    /// The message of a visit is due.
    Due {
        contact: u32,
        visit: u32,
    },
    Timer {
        contact: u32,
        visit: u32,
        kind: TimerKind,
    },
    /// A contact, or a server, does something with the message of a visit.
    Heard {
        contact: u32,
        visit: u32,
        what: PlanEvent,
    },
    Wake(Wake),
}

/// What held messages back holds them no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wake {
    Gate,
    Sender(u32),
    Domain(u32),
    /// The hours of a lane begin.
    Lane(u32),
}

impl Agenda {
    pub fn until(end: i64) -> Self {
        Self { heap: BinaryHeap::new(), told: 0, end }
    }

    pub fn add(&mut self, at: i64, what: Happening) {
        if at <= self.end {
            self.heap.push(Reverse((at, self.told, what)));
            self.told += 1;
        }
    }

    pub fn next(&mut self) -> Option<(i64, Happening)> {
        self.heap.pop().map(|Reverse((at, _, what))| (at, what))
    }
}
