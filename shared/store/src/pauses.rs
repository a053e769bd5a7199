use chrono::{DateTime, Utc};
use domain::messages::wait::Pause;

/// Who pauses from the command line. Its pauses only it lets go on.
pub const OPERATOR: &str = "operator";
/// Who pauses where nobody did by hand.
pub(crate) const FLEET: &str = "fleet";

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

/// Pauses the row that is `$found` in a table: $1 who, $2 why, from $3 on what finds it. A pause that stands keeps its
/// time, and its reason and author unless an operator takes it over. Read it with `PauseAnswer::read`.
macro_rules! pause_sql {
    ($table:literal, $found:literal) => {
        concat!(
            "WITH before AS (
                 SELECT id, paused_at IS NULL AS fresh,
                        paused_at IS NULL OR ($1 = 'operator' AND paused_by IS DISTINCT FROM 'operator') AS ours
                 FROM ",
            $table,
            " WHERE ",
            $found,
            " FOR UPDATE
             )
             UPDATE ",
            $table,
            " t SET paused_at = COALESCE(t.paused_at, postfleet_now()),
                    pause_reason = CASE WHEN ours THEN $2 ELSE t.pause_reason END,
                    paused_by = CASE WHEN ours THEN $1 ELSE t.paused_by END
             FROM before WHERE t.id = before.id
             RETURNING before.fresh, t.paused_at, t.pause_reason, t.paused_by"
        )
    };
}
pub(crate) use pause_sql;

/// Lets the row that is `$found` go on, and sets what `$also` says: $1 whether an operator asks, from $2 on what finds
/// it. What an operator paused only an operator lets go on. Read it with `ResumeAnswer::read`.
macro_rules! resume_sql {
    ($table:literal, $found:literal, $also:literal) => {
        concat!(
            "WITH before AS (
                 SELECT id, paused_at IS NOT NULL AS paused,
                        paused_at IS NULL OR $1 OR paused_by IS DISTINCT FROM 'operator' AS may
                 FROM ",
            $table,
            " WHERE ",
            $found,
            " FOR UPDATE
             ), resumed AS (
                 UPDATE ",
            $table,
            " t SET paused_at = NULL, pause_reason = NULL, paused_by = NULL",
            $also,
            " FROM before WHERE t.id = before.id AND before.may
             )
             SELECT paused, may FROM before"
        )
    };
}
pub(crate) use resume_sql;

impl PauseAnswer {
    pub(crate) fn read(row: Option<(bool, DateTime<Utc>, String, Option<String>)>) -> Self {
        match row {
            None => Self::Missing,
            Some((fresh, since, reason, by)) => {
                let pause = Pause { since, by: by.unwrap_or_else(|| FLEET.to_owned()), reason };
                if fresh { Self::Paused(pause) } else { Self::Already(pause) }
            }
        }
    }
}

impl ResumeAnswer {
    /// From whether it was paused, and whether the caller may let it go on.
    pub(crate) fn read(row: Option<(bool, bool)>) -> Self {
        match row {
            None => Self::Missing,
            Some((_, false)) => Self::Operators,
            Some((true, true)) => Self::Resumed,
            Some((false, true)) => Self::WasNotPaused,
        }
    }
}
