//! Which steps are possible in a state. What may be repeated for ever without leading anywhere is a disturbance.

use crate::SendModel;
use crate::state::{Holder, Job, Outcome, Phase, Place, Progress, Redis, RowState, State, Verdict, WORKERS, bit};
use crate::steps::{Action, Step};
use crate::variant::Variant;

pub struct Offer<'a> {
    model: &'a SendModel,
    state: &'a State,
    actions: &'a mut Vec<Action>,
}

impl<'a> Offer<'a> {
    pub fn new(model: &'a SendModel, state: &'a State, actions: &'a mut Vec<Action>) -> Self {
        Self { model, state, actions }
    }

    pub fn all(mut self) {
        if self.is_over() {
            return;
        }
        self.producer();
        State::jobs().for_each(|job| self.redis(job));
        self.disturb_if(self.state.redis == Redis::Up && self.some_job_is_known(), Step::Flushed);
        (0..WORKERS).for_each(|worker| self.worker(worker));
        (0..self.state.statements.len()).for_each(|at| self.statement(at));
        self.leader();
        self.people();
    }

    /// The row is final, and nobody is on the way to writing or to recording: nothing that a property asks for can
    /// change any more. (A job that is claimed now finds that the row is not its own.)
    fn is_over(&self) -> bool {
        use RowState::{Accepted, Canceled, Failed, Quarantined, Suppressed};
        let is_final = [Accepted, Canceled, Failed, Quarantined, Suppressed].contains(&self.state.row.state);
        let idle = |phase| matches!(phase, Phase::Idle | Phase::Untouched | Phase::Done);
        is_final && self.state.workers.iter().all(|worker| idle(worker.phase))
    }

    fn calm(&mut self, step: Step) {
        self.actions.push(Action { step, disturbs: false });
    }

    fn calm_if(&mut self, may: bool, step: Step) {
        if may {
            self.calm(step);
        }
    }

    fn disturb(&mut self, step: Step) {
        if self.state.left > 0 {
            self.actions.push(Action { step, disturbs: true });
        }
    }

    fn disturb_if(&mut self, may: bool, step: Step) {
        if may {
            self.disturb(step);
        }
    }

    fn some_job_is_known(&self) -> bool {
        self.state.places.iter().any(|place| *place != Place::Absent)
    }

    fn producer(&mut self) {
        let State { row, redis, pushing, returning, .. } = self.state;
        // Tokens and room come from Redis: without it nothing is fed.
        self.calm_if(row.state == RowState::Scheduled && !row.locked && *redis == Redis::Up, Step::Feed);
        for job in State::jobs() {
            if pushing & bit(job) != 0 {
                self.calm(Step::PushArrives(job));
                self.disturb(Step::ProducerDies(job));
                [true, false].into_iter().for_each(|arrived| self.disturb(Step::PushUnanswered { job, arrived }));
            }
            if returning & bit(job) != 0 {
                self.calm_if(!(row.locked && row.is_queued_for(job)), Step::ReturnsUnpushed(job));
                self.disturb(Step::ProducerDies(job));
            }
        }
    }

    fn redis(&mut self, job: Job) {
        let place = self.state.place(job);
        match place {
            Place::Leased(holder) | Place::Marked(holder) => match holder {
                Holder::Dead => self.calm(Step::Reap(job)),
                Holder::Worker(worker) if self.state.workers[worker].frozen => self.calm(Step::Reap(job)),
                // Its renewals did not arrive for ten seconds, or the reaper's clock is ahead.
                Holder::Worker(_) if self.model.variant == (Variant::LeasesByHostClock { skewed: true }) => {
                    self.calm_if(matches!(place, Place::Leased(_)), Step::Reap(job))
                }
                Holder::Worker(_) => self.disturb(Step::Reap(job)),
            },
            Place::Crashed => {
                let waits = self.state.row.locked && self.state.row.is_queued_for(job);
                for quarantine in [false, true] {
                    self.calm_if(!waits, Step::ChargeCrash { job, quarantine });
                }
            }
            Place::Absent | Place::Ready | Place::Again => {}
        }
        self.disturb_if(place != Place::Absent, Step::Vanishes(job));
        // From an old snapshot: what is held, settled or crashed stands again.
        let remembered = self.state.row.job == job || self.state.workers.iter().any(|worker| worker.job == job);
        let stands = matches!(place, Place::Ready | Place::Again);
        self.disturb_if(remembered && !stands && self.state.redis == Redis::Up, Step::Reappears(job));
    }

    fn worker(&mut self, at: usize) {
        let worker = self.state.workers[at];
        let busy = worker.phase != Phase::Idle || worker.doubt.is_some();
        self.disturb_if(busy, Step::Crashes(at));
        if worker.frozen {
            self.calm(Step::Thaws(at));
            return;
        }
        let someone_is_frozen = self.state.workers.iter().any(|worker| worker.frozen);
        // Where a second sending is allowed at all, the look at the clock and the first write count as one instruction.
        let in_one_go = self.model.resends && worker.phase == Phase::Cleared;
        self.disturb_if(busy && !someone_is_frozen && !in_one_go, Step::Freezes(at));
        if let Some(doubt) = worker.doubt {
            let (outcome, job) = (doubt_outcome(doubt.step, self.model.variant), doubt.job);
            self.calm_if(!self.state.must_ask_again(job, doubt.attempt, outcome), Step::GivesBackInDoubt(at));
        }
        self.phase(at);
    }

    fn phase(&mut self, at: usize) {
        let worker = self.state.workers[at];
        match worker.phase {
            Phase::Idle => {
                for job in State::jobs() {
                    self.calm_if(matches!(self.state.place(job), Place::Ready | Place::Again), Step::Claim(at, job));
                }
            }
            Phase::Prepared => {
                self.calm_if(self.state.statements.iter().any(Option::is_none), Step::Submit(at));
                self.disturb(Step::RefusedEarly(at, Outcome::EarlyRetry));
                self.disturb(Step::RefusedEarly(at, Outcome::EarlyFailed));
                let place = self.state.place(worker.job);
                let mine = [Place::Leased(Holder::Worker(at)), Place::Marked(Holder::Worker(at))].contains(&place);
                // Its lease is over, which it may notice; or it starts too late, is stopped, or has no tokens.
                if mine { self.disturb(Step::GivesUp(at)) } else { self.calm(Step::GivesUp(at)) }
            }
            Phase::Committing => self.disturb_if(!worker.late, Step::BecomesLate(at)),
            Phase::Won => {
                self.calm(Step::LooksAtTheClock(at));
                self.disturb_if(!worker.late, Step::BecomesLate(at));
            }
            Phase::Cleared => {
                self.calm(Step::Writes(at, Verdict::Accepts));
                for verdict in [Verdict::RefusesForNow, Verdict::RefusesForGood, Verdict::Swallows] {
                    self.disturb(Step::Writes(at, verdict));
                }
                self.disturb(Step::NotInvited(at));
            }
            Phase::Sent(verdict) => {
                self.calm(Step::Hears(at));
                self.disturb_if(verdict != Verdict::Swallows, Step::AnswerLost(at));
            }
            Phase::Told(outcome) => {
                let waits = self.state.must_ask_again(worker.job, worker.attempt, outcome);
                self.calm_if(!waits, Step::Records(at));
                self.disturb_if(!waits, Step::RecordsUnanswered(at));
                self.disturb(Step::RecordsNever(at));
            }
            Phase::Untouched => {
                let waits = self.state.row.locked && self.state.row.is_queued_for(worker.job);
                self.calm_if(!waits, Step::HandsBack(at));
                self.disturb(Step::HandlerFails(at));
            }
            Phase::Done => self.calm(Step::Settles(at)),
        }
    }

    fn statement(&mut self, at: usize) {
        let Some(statement) = self.state.statements[at] else { return };
        match statement.progress {
            Progress::Submitted => {
                self.calm(Step::Executes(at));
                self.calm_if(!statement.awaited, Step::ReachesNobody(at));
            }
            Progress::Waiting { .. } => self.calm_if(!self.state.row.locked, Step::Executes(at)),
            Progress::Executed { .. } => {}
        }
        let Holder::Worker(worker) = statement.holder else { return };
        let worker = self.state.workers[worker];
        if !statement.awaited || worker.frozen {
            return;
        }
        self.calm_if(matches!(statement.progress, Progress::Executed { .. }), Step::Answers(at));
        self.disturb_if(worker.doubt.is_none(), Step::AnswerToCommitLost(at));
    }

    fn leader(&mut self) {
        let State { row, redis, pushing, .. } = self.state;
        if row.state == RowState::Queued && !row.locked {
            let gone = self.state.place(row.job) == Place::Absent && *redis == Redis::Up;
            // A push that takes longer than the rescue's grace is found missing.
            let under_way = pushing & bit(row.job) != 0;
            if gone && self.model.variant != Variant::NeverRescues {
                if under_way { self.disturb(Step::Rescue) } else { self.calm(Step::Rescue) }
            }
        }
        self.calm_if(*redis == Redis::Lost, Step::BeginGeneration);
        self.calm_if(*redis == Redis::Renewed, Step::ClearRedis);
        if row.state == RowState::Committing && !row.locked {
            let gone = match row.worker {
                Holder::Dead => true,
                Holder::Worker(worker) => self.state.workers[worker].frozen || row.deadline_passed,
            };
            // Its heartbeats did not arrive for ten seconds.
            if gone { self.calm(Step::Expire) } else { self.disturb(Step::Expire) }
        }
        self.deadline();
        if row.state == RowState::Uncertain && !row.locked {
            self.calm(Step::GiveUp);
            let may_resend = self.model.resends && !row.resent && row.deadline_passed;
            self.calm_if(may_resend, Step::Resend);
        }
    }

    /// A worker that runs and has won is done within 5 s + 10 min, before the deadline of 11 min. One that still waits
    /// for Postgres, before or after, may see it pass.
    fn deadline(&mut self) {
        let row = &self.state.row;
        let matters = row.state == RowState::Committing || (row.state == RowState::Uncertain && self.model.resends);
        if !matters || row.deadline_passed {
            return;
        }
        let mut running = self.state.workers.iter().filter(|worker| !worker.frozen && worker.bears(row.attempt));
        let mut waiting = running.clone();
        if running.any(|worker| matches!(worker.phase, Phase::Won | Phase::Cleared | Phase::Sent(_))) {
            return;
        }
        if waiting.next().is_some() { self.disturb(Step::DeadlinePasses) } else { self.calm(Step::DeadlinePasses) }
    }

    fn people(&mut self) {
        let row = &self.state.row;
        let not_sent = matches!(row.state, RowState::Scheduled | RowState::Queued);
        self.disturb_if(not_sent && !row.locked, Step::Cancel);
        let open = not_sent || row.state == RowState::Committing;
        self.disturb_if(open && !row.locked && !self.state.suppressed, Step::UnsubscribeBegins);
        self.calm_if(row.locked, Step::UnsubscribeCommits);
    }
}

/// `doubt` looks twice: for what bears the attempt, then for what is still queued for the job.
pub fn doubt_outcome(step: u8, variant: Variant) -> Outcome {
    let attempt_is_next = step.is_multiple_of(2) != (variant == Variant::LooksOnceJobFirst);
    if attempt_is_next { Outcome::NotSent } else { Outcome::EarlyRetry }
}
