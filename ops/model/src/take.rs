//! What a step changes.

use crate::SendModel;
use crate::offer::doubt_outcome;
use crate::state::{
    Doubt, Doubted, Holder, Job, Outcome, Phase, Place, Progress, Redis, RowState, State, Verdict, Worker, bit,
};
use crate::steps::Step;
use crate::variant::Variant;

impl State {
    pub fn take(&mut self, model: &SendModel, step: Step) {
        match step {
            Step::Feed => self.feed(),
            Step::PushArrives(job) => self.push_arrives(job),
            Step::PushUnanswered { job, arrived } => {
                if arrived && self.redis == Redis::Up {
                    self.push_arrives(job);
                }
                self.pushing &= !bit(job);
                self.returning |= bit(job);
            }
            Step::ProducerDies(job) => {
                self.pushing &= !bit(job);
                self.returning &= !bit(job);
            }
            Step::ReturnsUnpushed(job) => {
                self.returning &= !bit(job);
                self.hand_back(job);
            }

            Step::Reap(job) => {
                let marked = matches!(self.place(job), Place::Marked(_));
                self.put(job, if marked { Place::Crashed } else { Place::Again });
            }
            Step::Vanishes(job) => self.put(job, Place::Absent),
            Step::Reappears(job) => {
                self.put(job, Place::Ready);
                self.loses_redis();
            }
            Step::Flushed => {
                State::jobs().for_each(|job| self.put(job, Place::Absent));
                self.loses_redis();
            }

            Step::Claim(at, job) => self.claim(at, job),
            Step::Submit(at) => self.submit(model, at),
            Step::RefusedEarly(at, outcome) => self.workers[at].becomes(Phase::Told(outcome)),
            Step::GivesUp(at) => self.workers[at].becomes(Phase::Untouched),
            Step::LooksAtTheClock(at) => {
                let late = self.workers[at].late && model.variant != Variant::NeverLooksAtTheClock;
                self.workers[at].becomes(if late { Phase::Told(Outcome::NotSent) } else { Phase::Cleared });
            }
            Step::Writes(at, verdict) => self.write(at, verdict),
            Step::NotInvited(at) => self.workers[at].becomes(Phase::Told(Outcome::NotSent)),
            Step::Hears(at) => self.hear(model, at),
            Step::AnswerLost(at) => self.workers[at].becomes(Phase::Told(Outcome::Uncertain)),
            Step::Records(at) => {
                self.record_told(model, at);
                self.workers[at].becomes(Phase::Done);
            }
            Step::RecordsUnanswered(at) => self.record_told(model, at),
            Step::RecordsNever(at) => {
                self.facts.gave_up_recording = true;
                self.workers[at].becomes(Phase::Done);
            }
            Step::HandsBack(at) => {
                self.hand_back(self.workers[at].job);
                self.workers[at].becomes(Phase::Done);
            }
            Step::HandlerFails(at) => {
                let job = self.workers[at].job;
                if self.is_leased_to(job, at) {
                    self.put(job, Place::Again);
                }
                self.workers[at].becomes_idle();
            }
            Step::Settles(at) => {
                let job = self.workers[at].job;
                if self.is_leased_to(job, at) {
                    self.put(job, Place::Absent);
                }
                self.workers[at].becomes_idle();
            }
            Step::GivesBackInDoubt(at) => self.give_back_in_doubt(model, at),
            Step::BecomesLate(at) => self.workers[at].late = true,
            Step::Crashes(at) => self.crash(at),
            Step::Freezes(at) => self.workers[at].frozen = true,
            Step::Thaws(at) => self.workers[at].frozen = false,

            Step::Executes(at) => self.execute(at, model.variant),
            Step::ReachesNobody(at) => self.statements[at] = None,
            Step::Answers(at) => {
                let Some(statement) = self.statements[at].take() else { return };
                let won = statement.progress == Progress::Executed { won: true };
                if let Holder::Worker(worker) = statement.holder {
                    self.workers[worker].becomes(if won { Phase::Won } else { Phase::Untouched });
                }
            }
            Step::AnswerToCommitLost(at) => self.doubt(model, at),

            Step::Rescue => self.row.becomes_due(),
            Step::BeginGeneration => {
                // What is locked is skipped; the rescue collects it.
                if self.row.state == RowState::Queued && !self.row.locked {
                    self.row.becomes_due();
                }
                self.redis = Redis::Renewed;
            }
            Step::ClearRedis => {
                State::jobs().for_each(|job| self.put(job, Place::Absent));
                self.redis = Redis::Up;
            }
            Step::ChargeCrash { job, quarantine } => {
                if self.row.is_queued_for(job) {
                    self.row.crashed = true;
                    if quarantine { self.row.becomes(RowState::Quarantined) } else { self.row.becomes_due() }
                }
                self.put(job, Place::Absent);
            }
            Step::DeadlinePasses => {
                self.row.deadline_passed = true;
                let attempt = self.row.attempt;
                for worker in self.workers.iter_mut().filter(|worker| worker.attempt == attempt) {
                    worker.late = matches!(worker.phase, Phase::Committing | Phase::Won);
                }
            }
            Step::Expire if model.variant == Variant::RequeuesCommitting => self.row.becomes_due(),
            Step::Expire => self.show_uncertain(),
            Step::GiveUp => self.give_up(),
            Step::Resend => {
                self.row.becomes_due();
                self.row.resent = true;
            }

            Step::Cancel => self.row.becomes(RowState::Canceled),
            Step::UnsubscribeBegins => self.row.locked = true,
            Step::UnsubscribeCommits => {
                self.row.locked = false;
                self.suppressed = true;
            }
        }
    }

    fn feed(&mut self) {
        let job = self.fresh_job();
        self.row.becomes(RowState::Queued);
        self.row.job = job;
        self.row.doubted = Doubted::Never;
        self.row.fed_after_loss = self.lost_once;
        self.pushing |= bit(job);
    }

    /// Refused without an answer from a Redis of the right generation; then its rows go back.
    fn push_arrives(&mut self, job: Job) {
        self.pushing &= !bit(job);
        if self.redis != Redis::Up {
            self.returning |= bit(job);
        } else if self.place(job) == Place::Absent {
            self.put(job, if self.row.crashed { Place::Again } else { Place::Ready });
        }
    }

    fn loses_redis(&mut self) {
        self.redis = Redis::Lost;
        self.lost_once = true;
    }

    fn is_leased_to(&self, job: Job, at: usize) -> bool {
        [Place::Leased(Holder::Worker(at)), Place::Marked(Holder::Worker(at))].contains(&self.place(job))
    }

    /// With the job, its row is loaded; one that is not the job's is skipped, one whose recipient is suppressed ends.
    fn claim(&mut self, at: usize, job: Job) {
        let holder = Holder::Worker(at);
        self.put(job, if self.place(job) == Place::Again { Place::Marked(holder) } else { Place::Leased(holder) });
        self.workers[at].job = job;
        let ours = self.row.is_queued_for(job);
        if ours && self.suppressed {
            self.row.becomes(RowState::Suppressed);
        }
        self.workers[at].becomes(if ours && !self.suppressed { Phase::Prepared } else { Phase::Done });
    }

    fn submit(&mut self, model: &SendModel, at: usize) {
        self.workers[at].attempt = self.fresh_attempt();
        if model.variant == Variant::CommitsAfterData {
            self.workers[at].becomes(Phase::Cleared);
            return;
        }
        let free = self.statements.iter_mut().position(|it| it.is_none()).expect("offered only where there is one");
        self.statements[free] = Some(self.statement_of(at));
        self.workers[at].becomes(Phase::Committing);
    }

    /// The provider decides at once; that the answer comes later, or never, is a step of its own.
    fn write(&mut self, at: usize, verdict: Verdict) {
        let Self { row, facts, .. } = self;
        let bears = row.attempt == self.workers[at].attempt
            && matches!(row.state, RowState::Committing | RowState::Uncertain | RowState::Unknown);
        facts.stray_bytes |= !bears;
        let called_off = matches!(row.state, RowState::Canceled | RowState::Suppressed);
        facts.unwanted_bytes |= called_off || if bears { facts.won_suppressed } else { self.suppressed };
        if verdict == Verdict::Accepts {
            self.accepted = (self.accepted + 1).min(3);
        }
        self.workers[at].becomes(Phase::Sent(verdict));
    }

    fn hear(&mut self, model: &SendModel, at: usize) {
        let Phase::Sent(verdict) = self.workers[at].phase else { return };
        if model.variant == Variant::CommitsAfterData {
            self.commit_afterwards(at);
        }
        self.workers[at].becomes(Phase::Told(match verdict {
            Verdict::Accepts => Outcome::Accepted,
            Verdict::RefusesForNow => Outcome::Retry,
            Verdict::RefusesForGood => Outcome::Failed,
            Verdict::Swallows => Outcome::Uncertain,
        }));
    }

    fn record_told(&mut self, model: &SendModel, at: usize) {
        let Worker { phase, job, attempt, .. } = self.workers[at];
        if let Phase::Told(outcome) = phase {
            self.record(job, attempt, outcome, model.variant);
        }
    }

    /// The statement may be executed all the same, now or later. The job is settled; a task of its own gives back.
    fn doubt(&mut self, model: &SendModel, at: usize) {
        let Some(mut statement) = self.statements[at] else { return };
        let Holder::Worker(worker) = statement.holder else { return };
        statement.awaited = false;
        let executed = matches!(statement.progress, Progress::Executed { .. });
        self.statements[at] = (!executed).then_some(statement);
        let it = &mut self.workers[worker];
        if model.variant == Variant::AssumesAWin {
            it.becomes(Phase::Won);
            return;
        }
        it.doubt = Some(Doubt { attempt: it.attempt, job: it.job, step: 0 });
        it.becomes(Phase::Done);
    }

    fn give_back_in_doubt(&mut self, model: &SendModel, at: usize) {
        let Some(Doubt { attempt, job, step }) = self.workers[at].doubt else { return };
        self.record(job, attempt, doubt_outcome(step, model.variant), model.variant);
        let once = matches!(model.variant, Variant::LooksOnce | Variant::LooksOnceJobFirst);
        let last = if once { 1 } else { 3 };
        self.workers[at].doubt = (step < last).then_some(Doubt { attempt, job, step: step + 1 });
    }

    /// Whatever starts in its place is somebody else. What it submitted may still be executed.
    fn crash(&mut self, at: usize) {
        let it = Holder::Worker(at);
        self.workers[at] = Worker::NEW;
        for place in &mut self.places {
            *place = match *place {
                Place::Leased(holder) if holder == it => Place::Leased(Holder::Dead),
                Place::Marked(holder) if holder == it => Place::Marked(Holder::Dead),
                other => other,
            };
        }
        if self.row.worker == it {
            self.row.worker = Holder::Dead;
        }
        for place in &mut self.statements {
            if let Some(statement) = place.as_mut().filter(|statement| statement.holder == it) {
                (statement.holder, statement.awaited) = (Holder::Dead, false);
                let executed = matches!(statement.progress, Progress::Executed { .. });
                *place = place.filter(|_| !executed);
            }
        }
    }
}
