/// The protocol as it is, or with one thing wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    AsBuilt,
    /// A row in `committing` whose worker is gone is due again.
    RequeuesCommitting,
    /// The final bytes first, the compare-and-set when their answer is there.
    CommitsAfterData,
    /// No answer to the compare-and-set is taken for a win.
    AssumesAWin,
    /// The right to send is a lease that is over when the asker's own clock says so, and the compare-and-set asks for
    /// that. `skewed`: one clock is ahead, so a live holder's lease looks over to the other worker.
    LeasesByHostClock {
        skewed: bool,
    },
    /// The compare-and-set asks for `queued` only.
    IgnoresTheJob,
    /// Giving back asks for `committing` only.
    IgnoresTheAttempt,
    /// A commit in doubt is looked for once, at once.
    LooksOnce,
    /// Likewise, but what is still queued for the job goes back first. This one is not broken: see `as_built`.
    LooksOnceJobFirst,
    /// An acceptance counts from `committing` only.
    IgnoresLateAcceptance,
    /// The compare-and-set is a plain UPDATE, which waits for the row's lock and goes on with its old snapshot.
    WaitsForTheRow,
    /// No local deadline between the compare-and-set and the first byte.
    NeverLooksAtTheClock,
    /// Nobody looks for queued rows whose job is gone.
    NeverRescues,
}
