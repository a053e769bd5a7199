//! Everything that the protocol may depend on, and nothing else: small, so that all of it can be visited.

/// A job's id, from 1; 0 is none. An id that nobody refers to any more may be given again.
pub type Job = u8;
/// An attempt's id, likewise.
pub type Attempt = u8;

pub const JOBS: usize = 7;
pub const WORKERS: usize = 2;
pub const STATEMENTS: usize = 3;

/// A worker process, or one that is dead: whatever starts in its place has an id of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Holder {
    Worker(usize),
    Dead,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowState {
    Scheduled,
    Queued,
    Committing,
    Accepted,
    Failed,
    Suppressed,
    Canceled,
    Uncertain,
    Unknown,
    Quarantined,
}

/// How far into doubt a row ever came (`uncertain_at`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Doubted {
    Never,
    Uncertain,
    Unknown,
}

/// The row of `message_runs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Row {
    pub state: RowState,
    pub job: Job,
    pub attempt: Attempt,
    /// Who committed it.
    pub worker: Holder,
    pub deadline_passed: bool,
    pub crashed: bool,
    pub resent: bool,
    pub doubted: Doubted,
    /// A transaction that brings a suppression holds its lock.
    pub locked: bool,
    /// For a `sometimes` only: it was fed after Redis had been lost.
    pub fed_after_loss: bool,
}

/// Where a job is in Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    Absent,
    Ready,
    /// Ready, but an earlier holder vanished, or its row once crashed: its row is marked when it is claimed.
    Again,
    Leased(Holder),
    /// Leased, its row written into the lease.
    Marked(Holder),
    /// Its holder died on the marked row.
    Crashed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Redis {
    Up,
    /// Emptied or rolled back; the leader has not acted yet.
    Lost,
    /// Postgres has begun the new generation, Redis is not cleared yet.
    Renewed,
}

/// What the provider makes of the final bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    Accepts,
    RefusesForNow,
    RefusesForGood,
    /// The bytes do not arrive, and no answer comes.
    Swallows,
}

/// What a worker is going to record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    Accepted,
    Retry,
    Failed,
    Uncertain,
    /// Nothing left: `never_sent`.
    NotSent,
    /// Refused before the commit: about the job, not the attempt.
    EarlyRetry,
    EarlyFailed,
}

/// Where a worker is with the job in its hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    Idle,
    /// The row is loaded and rendered, the server has taken the envelope.
    Prepared,
    /// The compare-and-set is submitted.
    Committing,
    /// The statement returned the row.
    Won,
    /// The local deadline was looked at; the next instruction writes final bytes.
    Cleared,
    /// They are written.
    Sent(Verdict),
    /// What is recorded next.
    Told(Outcome),
    /// The row goes back to the feeder.
    Untouched,
    /// Only the lease is left to settle.
    Done,
}

/// A commit in doubt: what is still to be given back, by the task that was spawned for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Doubt {
    pub attempt: Attempt,
    pub job: Job,
    pub step: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Worker {
    pub frozen: bool,
    pub phase: Phase,
    pub job: Job,
    pub attempt: Attempt,
    /// More than 5 s since the commit was submitted, by the monotonic clock.
    pub late: bool,
    pub doubt: Option<Doubt>,
}

impl Worker {
    pub const NEW: Self = Self { frozen: false, phase: Phase::Idle, job: 0, attempt: 0, late: false, doubt: None };

    /// Whether it has to do with the attempt, or its spawned task.
    pub fn bears(&self, attempt: Attempt) -> bool {
        self.attempt == attempt || self.doubt.is_some_and(|doubt| doubt.attempt == attempt)
    }

    pub fn becomes_idle(&mut self) {
        *self = Self { frozen: self.frozen, doubt: self.doubt, ..Self::NEW };
    }

    pub fn becomes(&mut self, phase: Phase) {
        self.phase = phase;
        self.late &= matches!(phase, Phase::Committing | Phase::Won);
    }
}

/// How far a compare-and-set has come on its way through the network and Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Progress {
    /// Under way, or in some buffer.
    Submitted,
    /// Only where a variant waits for the row's lock: with what its snapshot says of the suppression.
    Waiting {
        saw_suppressed: bool,
    },
    Executed {
        won: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Statement {
    pub holder: Holder,
    pub job: Job,
    pub attempt: Attempt,
    pub progress: Progress,
    /// Its worker waits for the answer.
    pub awaited: bool,
}

/// What must never have happened, kept because the state alone would not show it afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Facts {
    /// Final bytes left after a cancellation, or after a suppression that was committed before the compare-and-set.
    pub unwanted_bytes: bool,
    /// Final bytes left while the row did not bear their attempt.
    pub stray_bytes: bool,
    /// The compare-and-set was won against a committed suppression.
    pub won_suppressed: bool,
    /// Postgres was told that the provider accepted.
    pub told_accepted: bool,
    /// Postgres stayed away for so long that a worker gave up recording.
    pub gave_up_recording: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct State {
    pub row: Row,
    pub suppressed: bool,
    pub places: [Place; JOBS],
    /// Jobs whose rows are committed as queued and whose push is still under way, a bit each.
    pub pushing: u8,
    /// Jobs whose producer got no answer and gives their rows back, a bit each.
    pub returning: u8,
    pub redis: Redis,
    pub lost_once: bool,
    pub workers: [Worker; WORKERS],
    pub statements: [Option<Statement>; STATEMENTS],
    /// How often the provider took the mail.
    pub accepted: u8,
    /// Disturbances that may still happen.
    pub left: u8,
    pub facts: Facts,
}

impl State {
    pub fn first(disturbances: u8) -> Self {
        let row = Row {
            state: RowState::Scheduled,
            job: 0,
            attempt: 0,
            worker: Holder::Dead,
            deadline_passed: false,
            crashed: false,
            resent: false,
            doubted: Doubted::Never,
            locked: false,
            fed_after_loss: false,
        };
        Self {
            row,
            suppressed: false,
            places: [Place::Absent; JOBS],
            pushing: 0,
            returning: 0,
            redis: Redis::Up,
            lost_once: false,
            workers: [Worker::NEW; WORKERS],
            statements: [None; STATEMENTS],
            accepted: 0,
            left: disturbances,
            facts: Facts::default(),
        }
    }

    pub fn place(&self, job: Job) -> Place {
        self.places[usize::from(job) - 1]
    }

    pub fn put(&mut self, job: Job, place: Place) {
        self.places[usize::from(job) - 1] = place;
    }

    pub fn jobs() -> impl Iterator<Item = Job> {
        1..=JOBS as Job
    }

    /// An id that nobody has ever heard of, or has forgotten.
    pub fn fresh_job(&self) -> Job {
        let known = |job: Job| {
            self.row.job == job
                || self.place(job) != Place::Absent
                || (self.pushing | self.returning) & bit(job) != 0
                || self.workers.iter().any(|worker| worker.job == job || worker.doubt.is_some_and(|it| it.job == job))
                || self.statements.iter().flatten().any(|it| it.job == job)
        };
        Self::jobs().find(|job| !known(*job)).expect("fewer jobs are known at any time than there are ids")
    }

    pub fn fresh_attempt(&self) -> Attempt {
        let known = |attempt: Attempt| {
            self.row.attempt == attempt
                || self.workers.iter().any(|worker| worker.bears(attempt))
                || self.statements.iter().flatten().any(|it| it.attempt == attempt)
        };
        (1..).find(|attempt| !known(*attempt)).expect("there are enough")
    }
}

pub fn bit(job: Job) -> u8 {
    1 << job
}
