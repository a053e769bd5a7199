use std::sync::Arc;
use std::time::Duration;

use domain::ids::{AttemptId, JobId, MessageId, SenderId, TenantId};
use domain::limits::BucketKey;
use domain::messages::refusal::Phase;
use providers::smtp::{FinalAnswer, Session, SmtpFailure};
use queue::Lease;
use store::messages::{AttemptClaim, Expectation, LoadedRow, OutcomeRow};
use tokio::time::Instant;

use super::prepare_mail::{PreparedMail, prepare_mail};
use super::read_answer::{Reading, Try};
use crate::Context;
use crate::commits::Claimed;
use crate::outcomes::never_sent;
use crate::senders::ReadySender;
use crate::templates::CompiledResult;
use crate::tokens::JobTokens;

/// The first final byte leaves within this of submitting the commit, by the monotonic clock; else nothing is sent.
const FIRST_BYTE_WITHIN: Duration = Duration::from_secs(5);
/// A row not started this long after its job was pushed goes back: the world may have changed.
pub const START_WITHIN: Duration = Duration::from_secs(30);
/// A commit in doubt may still happen until the server's statement timeout; then its row is fetched once more.
const DOUBT_LOOK_AGAIN: Duration = Duration::from_secs(10);

/// How one row left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// What came of it is recorded.
    Recorded,
    /// It was not touched: it goes back to the feeder.
    Untouched,
}

/// What one row is sent with.
pub struct Sending {
    pub context: Arc<Context>,
    pub lease: Lease,
    pub tokens: Arc<JobTokens>,
    pub job: JobId,
    pub tenant: TenantId,
    pub sender_id: SenderId,
    pub sender: Arc<ReadySender>,
    pub content: CompiledResult,
    pub row: LoadedRow,
}

/// Sends one row: everything reversible first, then the compare-and-set, then the final bytes, then the record.
///
/// Safe twice, and by two at once: only who the compare-and-set answers writes final bytes, and it answers once.
pub async fn send_message(sending: Sending) -> Left {
    let links = &sending.context.public_url;
    let mail = match prepare_mail(&sending.row, sending.content.clone(), &sending.sender, links).await {
        Ok(mail) => mail,
        Err(never) => return sending.record(sending.this_try().failed(never.class, never.why)).await,
    };

    if sending.row.test_mode {
        return sending.pretend(&mail).await;
    }

    let mut session = match sending.open_with_envelope().await {
        Ok(Some(session)) => session,
        Ok(None) => return Left::Untouched,
        Err(failure) => return sending.record(sending.this_try().read_failure(&failure)).await,
    };

    failpoint::hold("worker.after_rcpt").await;

    // It may have waited long for its connection: a limit holds for when a message leaves, not for when it was let in.
    let refused = sending.tokens.ensure(&[(sending.row.id, sending.row.recipient_domain())]).await;
    let spent = if refused.is_empty() { sending.tokens.spend(sending.row.id) } else { None };
    let Some(spent) = spent else {
        sending.keep_after_reset(session).await;
        return Left::Untouched;
    };

    let attempt: AttemptId = sending.context.ids.next();
    let leaves_by = spent.good_until.min(Instant::now() + FIRST_BYTE_WITHIN);
    sending.context.enter_commit(attempt, sending.row.id);
    let claimed = sending.commit(attempt, &mail).await;
    failpoint::hold("worker.after_commit").await;
    let left = match claimed {
        Claimed::Won(place) if Instant::now() <= leaves_by => {
            let answer = session.deliver(&mail.text, leaves_by).await;
            failpoint::hold("worker.before_record").await;
            sending.part(session, &answer).await;
            let mut reading = sending.this_try().after_commit(attempt).read_answer(&answer);
            reading.row.place = Some(place);
            sending.record(reading).await
        }
        Claimed::Won(_) => {
            metrics::counter!("postfleet_commits_too_late_total").increment(1);
            sending.take_back(attempt, "the commit took too long, so nothing was sent").await
        }
        Claimed::Lost => {
            sending.tokens.restore(sending.row.id, spent);
            sending.keep_after_reset(session).await;
            Left::Untouched
        }
        Claimed::Doubtful => sending.doubt(attempt).await,
    };
    sending.context.leave_commit(attempt);
    left
}

impl Sending {
    fn this_try(&self) -> Try<'_> {
        Try {
            message: self.row.id,
            expect: Expectation::Job(self.job),
            tries: self.row.tries,
            address: &self.row.to_address,
            refused_for: self.row.refused_for(),
            jitter: self.context.jitter.next(),
        }
    }

    /// Whether the row is no longer this job's to start.
    fn is_too_late(&self) -> bool {
        self.lease.is_over() || self.lease.age() > START_WITHIN
    }

    /// A session whose server has taken sender and recipient. `None`: the row was not started in time.
    async fn open_with_envelope(&self) -> Result<Option<Session>, SmtpFailure> {
        loop {
            let opened = tokio::select! {
                opened = self.sender.pool.open() => opened?,
                () = self.until_too_late() => return Ok(None),
            };
            failpoint::hold("worker.after_connect").await;
            if self.is_too_late() {
                opened.give_back(&self.sender.pool);
                return Ok(None);
            }
            let mut session = opened;
            // Still reversible: a stop does not wait for a slow server here. Dropped in the middle, it is never reused.
            let enveloped = tokio::select! {
                enveloped = session.envelope(&self.sender.address, &self.row.to_address) => enveloped,
                () = self.lease.over() => return Ok(None),
            };
            match enveloped {
                Ok(()) if self.lease.is_over() => return Ok(None),
                Ok(()) => return Ok(Some(session)),
                // A kept connection may have been closed at the other end while it idled.
                Err(SmtpFailure::Broken { phase: Phase::MailFrom, .. }) if session.is_kept() => {}
                Err(SmtpFailure::Refused { phase: Phase::MailFrom, code: CLOSING, .. }) if session.is_kept() => {}
                Err(refused @ SmtpFailure::Refused { code, .. }) => {
                    if code != CLOSING {
                        self.keep_after_reset(session).await;
                    }
                    return Err(refused);
                }
                Err(failure) => {
                    if session.missed_why() {
                        self.sender.pool.speak_plainly();
                    }
                    return Err(failure);
                }
            }
        }
    }

    async fn until_too_late(&self) {
        tokio::select! {
            () = self.lease.over() => {}
            () = tokio::time::sleep(START_WITHIN.saturating_sub(self.lease.age())) => {}
        }
    }

    async fn commit(&self, attempt: AttemptId, mail: &PreparedMail) -> Claimed {
        let claim = AttemptClaim {
            message: self.row.id,
            place: self.row.place,
            sender: self.sender_id,
            job: self.job,
            attempt,
            suppression_key: self.row.to_address.to_ascii_lowercase(),
            body_sha256: mail.sha256,
        };
        self.context.commits.commit(claim).await
    }

    /// Keeps a session that has nothing left to say, and only that.
    async fn part(&self, session: Session, answer: &FinalAnswer) {
        match answer {
            FinalAnswer::Accepted { .. } => session.give_back(&self.sender.pool),
            FinalAnswer::Refused { code, phase, .. } if *code != CLOSING => match phase {
                Phase::FinalDot => session.give_back(&self.sender.pool),
                _ => self.keep_after_reset(session).await,
            },
            FinalAnswer::Refused { .. } | FinalAnswer::NotSent { .. } | FinalAnswer::Unknown { .. } => {}
        }
    }

    async fn keep_after_reset(&self, mut session: Session) {
        if session.reset().await.is_ok() {
            session.give_back(&self.sender.pool);
        }
    }

    async fn record(&self, reading: Reading) -> Left {
        let accepted = reading.row.state == store::messages::OutcomeState::Accepted;
        // Before it is recorded: from then on the next may go.
        if let Some(pause) = reading.pushback {
            let parked = self.context.limits.park(&BucketKey::Sender(self.sender_id), pause).await;
            if let Err(error) = parked {
                tracing::debug!(error = &error as &dyn std::error::Error, "a pause could not be told to the fleet");
            }
        }
        self.context.record(self.tenant, reading.row).await;
        failpoint::hold("worker.after_record").await;
        let senders = self.context.store.senders();
        let told = match reading.sender_fault {
            Some(reason) => senders.charge_fault(self.tenant, self.sender_id, reason).await.map(|paused| {
                if paused {
                    metrics::counter!("postfleet_senders_paused_total", "reason" => reason).increment(1);
                    tracing::warn!(sender = %self.sender_id, tenant = %self.tenant, reason, "paused a sender after repeated faults of its own");
                }
            }),
            None if accepted && self.row.sender_faults > 0 => senders.forgive_faults(self.tenant, self.sender_id).await,
            None => Ok(()),
        };
        if let Err(error) = told {
            tracing::warn!(error = &error as &dyn std::error::Error, sender = %self.sender_id, "could not note the sender's standing");
        }
        Left::Recorded
    }

    /// Test mode: everything but the send.
    async fn pretend(&self, mail: &PreparedMail) -> Left {
        let attempt: AttemptId = self.context.ids.next();
        match self.commit(attempt, mail).await {
            Claimed::Won(_) => {
                self.context.record(self.tenant, OutcomeRow::pretended(self.row.id, attempt)).await;
                Left::Recorded
            }
            Claimed::Lost => Left::Untouched,
            Claimed::Doubtful => self.doubt(attempt).await,
        }
    }

    async fn take_back(&self, attempt: AttemptId, why: &str) -> Left {
        self.context.outcomes.record(never_sent(self.row.id, Expectation::Attempt(attempt), why)).await;
        Left::Recorded
    }

    /// Nothing was sent; whether the commit happened shows only when Postgres answers again.
    async fn doubt(&self, attempt: AttemptId) -> Left {
        let (context, message, job): (_, MessageId, JobId) = (Arc::clone(&self.context), self.row.id, self.job);
        tokio::spawn(async move {
            let why = "the answer to the commit was lost, so nothing was sent";
            for pause in [Duration::ZERO, DOUBT_LOOK_AGAIN] {
                tokio::time::sleep(pause).await;
                context.outcomes.record(never_sent(message, Expectation::Attempt(attempt), why)).await;
                context.outcomes.record(never_sent(message, Expectation::Job(job), why)).await;
            }
        });
        Left::Recorded
    }
}

/// The server says that it closes the connection.
const CLOSING: u16 = 421;
