use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::messages::refusal::Phase;
use lettre::Address;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};

use super::answer::{FinalAnswer, SmtpFailure, describe, reply_text};
use super::content::Content;
use super::dial::{Dialed, phase};
use super::{SmtpPool, SmtpTimeouts};

/// One conversation with an account's server. Dropping it closes the connection; only `give_back` keeps it.
pub struct Session {
    /// Boxed: it is large, and a session is handed on several times for each message.
    pub(super) connection: Box<AsyncSmtpConnection>,
    pub(super) dot_begun: Option<Arc<AtomicBool>>,
    /// A reply is due that was not read: nothing that comes from here can be told to belong to anything.
    pub(super) astray: bool,
    pub(super) sent: u32,
    pub(super) kept: bool,
    pub(super) idle_since: Instant,
    pub(super) permits: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
    pub(super) offers_pipelining: bool,
    /// Whether commands of this message go together.
    pub(super) pipelines: bool,
    missed_why: bool,
    timeouts: SmtpTimeouts,
}

/// The only final reply that means the mail was taken.
const TAKEN: u16 = 250;
/// The only reply to `DATA` that invites the content.
const GO_AHEAD: u16 = 354;

impl Session {
    pub(super) fn new(dialed: Dialed, timeouts: SmtpTimeouts) -> Self {
        Self {
            connection: Box::new(dialed.connection),
            dot_begun: dialed.dot_begun,
            astray: false,
            sent: 0,
            kept: false,
            idle_since: Instant::now(),
            permits: None,
            offers_pipelining: dialed.pipelining,
            pipelines: false,
            missed_why: false,
            timeouts,
        }
    }

    /// Whether it was kept from an earlier message: a failure of its first command then speaks of its age, not of the
    /// server.
    pub fn is_kept(&self) -> bool {
        self.kept
    }

    /// Whether the server hung up on commands that went together: it may have said why, unheard.
    pub fn missed_why(&self) -> bool {
        self.missed_why
    }

    /// `MAIL FROM` and one `RCPT TO`. After a refusal the session is reset and can be used again.
    pub async fn envelope(&mut self, from: &str, to: &str) -> Result<(), SmtpFailure> {
        let mail = Mail::new(Some(mailbox(Phase::MailFrom, from)?), vec![]);
        let rcpt = Rcpt::new(mailbox(Phase::RcptTo, to)?, vec![]);
        let limit = self.timeouts.envelope;
        if !self.pipelines {
            phase(limit, Phase::MailFrom, self.connection.command(mail)).await?;
            phase(limit, Phase::RcptTo, self.connection.command(rcpt)).await?;
            return Ok(());
        }
        self.astray = true;
        let sender = phase(limit, Phase::MailFrom, self.connection.command(format!("{mail}{rcpt}"))).await;
        if let Err(failure @ (SmtpFailure::Broken { .. } | SmtpFailure::Unusable { .. })) = sender {
            self.missed_why = failure != SmtpFailure::timed_out(Phase::MailFrom);
            return Err(failure);
        }
        // Read whatever the first one said: it is due.
        let recipient = phase(limit, Phase::RcptTo, self.connection.read_response()).await;
        if let Err(failure @ (SmtpFailure::Broken { .. } | SmtpFailure::Unusable { .. })) = &recipient {
            self.missed_why = *failure != SmtpFailure::timed_out(Phase::RcptTo);
        } else {
            self.astray = false;
        }
        sender.and(recipient).map(drop)
    }

    /// Takes the envelope back. An error means that the session must be dropped.
    pub async fn reset(&mut self) -> Result<(), SmtpFailure> {
        if self.astray {
            return Err(SmtpFailure::Broken { phase: Phase::MailFrom, why: "a reply is still due".to_owned() });
        }
        phase(self.timeouts.envelope, Phase::MailFrom, self.connection.command(Rset)).await.map(drop)
    }

    /// Writes the final bytes. Only called by who won the compare-and-set for this message. A server that takes until
    /// after `leaves_by` to ask for the content gets none.
    pub async fn deliver(&mut self, mail: &str, leaves_by: Instant) -> FinalAnswer {
        failpoint::hold("smtp.before_data").await;
        let invited = timeout(self.timeouts.data, self.connection.command(Data)).await;
        failpoint::hold("smtp.before_content").await;
        match invited {
            Err(_) => return FinalAnswer::NotSent { why: "timed out before the content was asked for".to_owned() },
            Ok(Err(error)) => return self.not_invited(&error),
            Ok(Ok(reply)) if !reply.has_code(GO_AHEAD) => {
                return FinalAnswer::NotSent { why: format!("unexpected reply {} to DATA", reply.code()) };
            }
            Ok(Ok(_)) if Instant::now() > leaves_by => {
                return FinalAnswer::NotSent { why: "the server asked for the content too late".to_owned() };
            }
            Ok(Ok(_)) => {}
        }
        if let Some(dot_begun) = &self.dot_begun {
            dot_begun.store(false, Ordering::Relaxed);
        }
        // One write: the dot apart would cost another packet and another wake-up at the other end.
        let answer = timeout(self.timeouts.final_dot, self.connection.command(Content(mail))).await;
        self.sent += 1;
        match answer {
            Ok(Ok(reply)) if reply.has_code(TAKEN) => {
                let text: Vec<&str> = reply.message().collect();
                FinalAnswer::Accepted { reply: domain::reply::sanitize(&text.join(" ")) }
            }
            Ok(Ok(reply)) => FinalAnswer::Unknown { why: format!("unexpected final reply {}", reply.code()) },
            Ok(Err(error)) => self.no_clear_answer(&error),
            Err(_) => self.doubt("timed out after the content was sent".to_owned()),
        }
    }

    fn not_invited(&self, error: &Error) -> FinalAnswer {
        match error.status() {
            Some(code) => FinalAnswer::Refused { phase: Phase::Data, code: code.into(), text: reply_text(error) },
            None => FinalAnswer::NotSent { why: describe(error) },
        }
    }

    fn no_clear_answer(&self, error: &Error) -> FinalAnswer {
        match error.status() {
            Some(code) => FinalAnswer::Refused { phase: Phase::FinalDot, code: code.into(), text: reply_text(error) },
            None => self.doubt(describe(error)),
        }
    }

    /// Without the final dot no server has taken a mail; with it, or where we cannot tell, nothing is known.
    fn doubt(&self, why: String) -> FinalAnswer {
        match &self.dot_begun {
            Some(begun) if !begun.load(Ordering::Relaxed) => FinalAnswer::NotSent { why },
            _ => FinalAnswer::Unknown { why },
        }
    }

    /// Keeps the connection for the next message. Only for a session whose last reply was read and understood.
    pub fn give_back(self, pool: &SmtpPool) {
        pool.keep(self);
    }
}

pub(super) fn mailbox(phase: Phase, address: &str) -> Result<Address, SmtpFailure> {
    address.parse().map_err(|_| SmtpFailure::Broken { phase, why: "not an address that SMTP can carry".to_owned() })
}
