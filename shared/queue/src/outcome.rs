use std::time::Duration;

/// How a handler left its job. An error is none of these: the job comes back after a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every row was dealt with; what it came to stands in Postgres.
    Done,
    /// There was nothing to do, and why.
    Skipped(&'static str),
    /// Not now: the same job again after this long, at no cost.
    Snooze(Duration),
    /// Not by this worker: the next free one takes it at once.
    Release,
    /// It can never be handled.
    Dead(&'static str),
}
