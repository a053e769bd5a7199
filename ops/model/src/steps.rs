use std::fmt;

use crate::state::{Job, Outcome, Verdict};

/// One atomic thing that somebody does, or that happens to somebody. Workers are 0 and 1, statements a place each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    // The feeder, and every producer like it.
    Feed,
    PushArrives(Job),
    PushUnanswered { job: Job, arrived: bool },
    ProducerDies(Job),
    ReturnsUnpushed(Job),

    // Redis.
    Reap(Job),
    Vanishes(Job),
    Reappears(Job),
    Flushed,

    // A worker.
    Claim(usize, Job),
    Submit(usize),
    RefusedEarly(usize, Outcome),
    GivesUp(usize),
    LooksAtTheClock(usize),
    Writes(usize, Verdict),
    NotInvited(usize),
    Hears(usize),
    AnswerLost(usize),
    Records(usize),
    RecordsUnanswered(usize),
    RecordsNever(usize),
    HandsBack(usize),
    HandlerFails(usize),
    Settles(usize),
    GivesBackInDoubt(usize),
    BecomesLate(usize),
    Crashes(usize),
    Freezes(usize),
    Thaws(usize),

    // The compare-and-set in Postgres.
    Executes(usize),
    ReachesNobody(usize),
    Answers(usize),
    AnswerToCommitLost(usize),

    // The leader.
    Rescue,
    BeginGeneration,
    ClearRedis,
    ChargeCrash { job: Job, quarantine: bool },
    DeadlinePasses,
    Expire,
    GiveUp,
    Resend,

    // The tenant and the recipient.
    Cancel,
    UnsubscribeBegins,
    UnsubscribeCommits,
}

/// How many kinds of steps there are: a test holds that each is taken.
pub const KINDS: usize = 44;

/// A step, and whether it is a disturbance: something that nobody asked for, or that cannot go on for ever.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Action {
    pub step: Step,
    pub disturbs: bool,
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?}", if self.disturbs { "! " } else { "  " }, self.step)
    }
}
