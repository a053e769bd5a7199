//! The statements of `store`, each as atomic as Postgres makes it, with the conditions of its SQL.

use crate::state::{Attempt, Doubted, Holder, Job, Outcome, Progress, Row, RowState, State, Statement};
use crate::variant::Variant;

impl Row {
    pub fn is_queued_for(&self, job: Job) -> bool {
        self.state == RowState::Queued && self.job == job
    }

    /// Due again: `job_id`, `attempt_id` and `commit_deadline` are cleared.
    pub fn becomes_due(&mut self) {
        self.becomes(RowState::Scheduled);
    }

    /// What no statement asks for any more in a state is cleared, so that states that differ in nothing else are one.
    pub fn becomes(&mut self, state: RowState) {
        self.state = state;
        let bears_attempt = matches!(state, RowState::Committing | RowState::Uncertain | RowState::Unknown);
        if !bears_attempt {
            (self.attempt, self.worker, self.deadline_passed) = (0, Holder::Dead, false);
        }
        if state != RowState::Queued && state != RowState::Committing {
            self.job = 0;
        }
    }
}

impl State {
    /// `commit_attempts.sql`. With SKIP LOCKED it waits for nobody: its snapshot and its row are of one moment.
    pub fn execute(&mut self, at: usize, variant: Variant) {
        let Some(mut statement) = self.statements[at] else { return };
        let saw_suppressed = match statement.progress {
            Progress::Waiting { saw_suppressed } => saw_suppressed,
            _ => self.suppressed,
        };
        if self.row.locked && variant == Variant::WaitsForTheRow {
            statement.progress = Progress::Waiting { saw_suppressed };
            self.statements[at] = Some(statement);
            return;
        }
        let won = !self.row.locked && !saw_suppressed && self.may_commit(&statement, variant);
        if won {
            self.commit(&statement);
        }
        statement.progress = Progress::Executed { won };
        self.statements[at] = statement.awaited.then_some(statement);
    }

    fn may_commit(&self, statement: &Statement, variant: Variant) -> bool {
        match variant {
            Variant::IgnoresTheJob => self.row.state == RowState::Queued,
            Variant::LeasesByHostClock { .. } => {
                let taken_over = self.row.state == RowState::Committing && self.row.worker != statement.holder;
                (self.row.state == RowState::Queued || taken_over) && self.row.job == statement.job
            }
            _ => self.row.is_queued_for(statement.job),
        }
    }

    fn commit(&mut self, statement: &Statement) {
        self.row.becomes(RowState::Committing);
        self.row.attempt = statement.attempt;
        self.row.worker = statement.holder;
        self.row.deadline_passed = false;
        self.facts.won_suppressed = self.suppressed;
    }

    /// The variant that commits when everything is over: one statement, answered at once.
    pub fn commit_afterwards(&mut self, worker: usize) {
        let Statement { job, attempt, .. } = self.statement_of(worker);
        if self.row.is_queued_for(job) && !self.suppressed {
            self.commit(&Statement { job, attempt, ..self.statement_of(worker) });
        }
    }

    pub fn statement_of(&self, worker: usize) -> Statement {
        let Self { workers, .. } = self;
        Statement {
            holder: Holder::Worker(worker),
            job: workers[worker].job,
            attempt: workers[worker].attempt,
            progress: Progress::Submitted,
            awaited: true,
        }
    }

    /// Whether an outcome, or a give-back, meets its row only to find it locked: it asks again later.
    pub fn must_ask_again(&self, job: Job, attempt: Attempt, outcome: Outcome) -> bool {
        self.row.locked && self.is_expected(job, attempt, outcome, Variant::AsBuilt)
    }

    fn is_expected(&self, job: Job, attempt: Attempt, outcome: Outcome, variant: Variant) -> bool {
        match outcome {
            Outcome::EarlyRetry | Outcome::EarlyFailed => self.row.is_queued_for(job),
            Outcome::NotSent if variant == Variant::IgnoresTheAttempt => self.row.state == RowState::Committing,
            _ => {
                let open = match self.row.state {
                    RowState::Committing => true,
                    RowState::Uncertain => variant != Variant::IgnoresLateAcceptance,
                    RowState::Unknown => outcome == Outcome::Accepted && variant != Variant::IgnoresLateAcceptance,
                    _ => false,
                };
                open && self.row.attempt == attempt
            }
        }
    }

    /// `record_outcomes.sql`. Retried until its answer is there; a second time it finds nothing that it expects.
    pub fn record(&mut self, job: Job, attempt: Attempt, outcome: Outcome, variant: Variant) {
        self.facts.told_accepted |= outcome == Outcome::Accepted;
        if !self.is_expected(job, attempt, outcome, variant) {
            return;
        }
        match outcome {
            Outcome::Accepted => self.row.becomes(RowState::Accepted),
            Outcome::Failed | Outcome::EarlyFailed => self.row.becomes(RowState::Failed),
            Outcome::Retry | Outcome::EarlyRetry | Outcome::NotSent => self.row.becomes_due(),
            Outcome::Uncertain => self.show_uncertain(),
        }
    }

    pub fn show_uncertain(&mut self) {
        self.row.becomes(RowState::Uncertain);
        self.row.doubted = self.row.doubted.max(Doubted::Uncertain);
    }

    /// `hand_back.sql`.
    pub fn hand_back(&mut self, job: Job) {
        if self.row.is_queued_for(job) {
            if self.suppressed { self.row.becomes(RowState::Suppressed) } else { self.row.becomes_due() }
        }
    }

    /// `give_up_uncertain.sql`, and anybody's word that it shall not be waited for.
    pub fn give_up(&mut self) {
        self.row.becomes(RowState::Unknown);
        self.row.doubted = Doubted::Unknown;
    }
}
