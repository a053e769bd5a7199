use chrono::{DateTime, Utc};
use domain::messages::wait::Pause;

/// Who pauses from the command line.
pub const OPERATOR: &str = "operator";

/// What a pause found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PauseAnswer {
    Paused(Pause),
    /// It was paused before; that one stands.
    Already(Pause),
    Missing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResumeAnswer {
    Resumed,
    WasNotPaused,
    /// An operator paused it, and has to let it go on.
    Operators,
    Missing,
}

impl PauseAnswer {
    pub(crate) fn read(row: Option<(bool, DateTime<Utc>, String, Option<String>)>) -> Self {
        match row {
            None => Self::Missing,
            Some((fresh, since, reason, by)) => {
                let pause = Pause { since, by: by.unwrap_or_else(|| "fleet".to_owned()), reason };
                if fresh { Self::Paused(pause) } else { Self::Already(pause) }
            }
        }
    }
}

impl ResumeAnswer {
    /// From whether it was paused, and whether it is still.
    pub(crate) fn read(paused: Option<(bool, bool)>) -> Self {
        match paused {
            None => Self::Missing,
            Some((_, true)) => Self::Operators,
            Some((true, false)) => Self::Resumed,
            Some((false, false)) => Self::WasNotPaused,
        }
    }
}
