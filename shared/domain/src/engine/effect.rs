use chrono::{DateTime, Utc};

use super::{End, Enrollment, TimerKind};
use crate::plans::PlanEvent;

/// What is to be done, together with keeping the enrollment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Send that node's message then; one for each visit.
    ScheduleMessage {
        visit: u32,
        node: usize,
        run_at: DateTime<Utc>,
    },
    SetTimer {
        visit: u32,
        kind: TimerKind,
        due: DateTime<Utc>,
    },
    /// Of a visit that is over.
    CancelTimers {
        visit: u32,
    },
    /// Whatever of it is not yet past the point of no return.
    CancelMessages,
    End(End),
}

/// One way that was taken, for the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The visit that ended by it.
    pub visit: u32,
    pub from: usize,
    pub on: PlanEvent,
    pub to: usize,
}

/// The answer to an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stepped {
    pub enrollment: Enrollment,
    pub effects: Vec<Effect>,
    pub taken: Vec<Taken>,
}
