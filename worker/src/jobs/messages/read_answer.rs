//! From what a provider said to what is recorded. Pure.

use std::time::Duration;

use domain::ids::{AttemptId, MessageId};
use domain::messages::refusal::{Action, Phase, Refusal, RefusalClass, classify};
use domain::messages::retry::{PUSHBACK_DEFAULT, Refused, next_try, retry_policy};
use providers::smtp::{FinalAnswer, SmtpFailure};
use store::messages::{Expectation, OutcomeRow, OutcomeState};

/// What the answer means for the row, and for its sender.
#[derive(Debug, Clone)]
pub struct Reading {
    pub row: OutcomeRow,
    /// It was the sender's own fault, and why.
    pub sender_fault: Option<&'static str>,
    /// The provider wants less from the whole account: for how long nothing is sent from it.
    pub pushback: Option<Duration>,
}

/// The row an answer is about.
#[derive(Debug, Clone, Copy)]
pub struct Try<'a> {
    pub message: MessageId,
    pub expect: Expectation,
    /// Tries made before this one.
    pub tries: u32,
    /// Whom it was for, as given.
    pub address: &'a str,
    /// Since its first refusal.
    pub refused_for: Duration,
    pub jitter: f64,
}

impl<'a> Try<'a> {
    pub fn after_commit(self, attempt: AttemptId) -> Self {
        Self { expect: Expectation::Attempt(attempt), ..self }
    }

    /// Before the point of no return.
    pub fn read_failure(self, failure: &SmtpFailure) -> Reading {
        match failure {
            SmtpFailure::Refused { phase, code, text } => self.refused(*phase, *code, text),
            SmtpFailure::Broken { phase, why } => {
                let refusal = Refusal { class: RefusalClass::Network, action: Action::Retry };
                self.apply(refusal, *phase, why.clone())
            }
            SmtpFailure::Unusable { why } => {
                let refusal = Refusal { class: RefusalClass::Auth, action: Action::BlameSender };
                self.apply(refusal, Phase::Connect, why.clone())
            }
        }
    }

    /// After it.
    pub fn read_answer(self, answer: &FinalAnswer) -> Reading {
        match answer {
            FinalAnswer::Accepted { reply } => {
                self.reading(OutcomeState::Accepted, "accepted", None, None, Some(reply.clone()))
            }
            FinalAnswer::Refused { phase, code, text } => self.refused(*phase, *code, text),
            FinalAnswer::NotSent { why } => {
                let refusal = Refusal { class: RefusalClass::Network, action: Action::Retry };
                self.apply(refusal, Phase::Data, why.clone())
            }
            FinalAnswer::Unknown { why } => self.reading(
                OutcomeState::Uncertain,
                "uncertain",
                Some(Phase::FinalDot),
                Some("answer_lost"),
                Some(why.clone()),
            ),
        }
    }

    /// It can never be sent.
    pub fn failed(self, class: RefusalClass, why: String) -> Reading {
        self.reading(OutcomeState::Failed, "failed", None, Some(class.as_str()), Some(why))
    }

    pub fn suppressed(self) -> Reading {
        let mut reading = self.reading(OutcomeState::Suppressed, "suppressed", None, None, None);
        reading.row.charged = false;
        reading
    }

    fn refused(self, phase: Phase, code: u16, text: &str) -> Reading {
        self.apply(classify(phase, code, text), phase, format!("{code} {text}"))
    }

    fn apply(self, refusal: Refusal, phase: Phase, reply: String) -> Reading {
        let Refusal { class, action } = refusal;
        let (phase, reply) = (Some(phase), Some(reply));
        let over = |outcome| self.reading(OutcomeState::Failed, outcome, phase, Some(class.as_str()), reply.clone());
        match action {
            Action::Fail => over("refused"),
            Action::FailAndSuppress => {
                let mut reading = over("refused");
                reading.row.suppress = Some(self.address.to_ascii_lowercase());
                reading
            }
            Action::Retry if refusal.is_pushback() => {
                // The account has to slow down: that says nothing about this message, which waits and pays nothing.
                let mut reading = if self.refused_for < retry_policy(class).horizon {
                    self.reading(OutcomeState::Retry(PUSHBACK_DEFAULT), "refused", phase, Some(class.as_str()), reply)
                } else {
                    over("gave_up")
                };
                reading.row.charged = reading.row.state == OutcomeState::Failed;
                reading.pushback = Some(PUSHBACK_DEFAULT);
                reading
            }
            Action::Retry | Action::BlameSender => {
                // An account that cannot log in says nothing about this message: it waits and pays nothing.
                let free = action == Action::BlameSender && matches!(phase, Some(Phase::Connect | Phase::Auth));
                let tries = if free { 1 } else { self.tries + 1 };
                let refused = Refused {
                    class,
                    tries,
                    refused_for: if free { Duration::ZERO } else { self.refused_for },
                    retry_after: None,
                    jitter: self.jitter,
                };
                let mut reading = match next_try(refused) {
                    Some(delay) => {
                        self.reading(OutcomeState::Retry(delay), "refused", phase, Some(class.as_str()), reply)
                    }
                    None => over("gave_up"),
                };
                reading.row.charged = !free;
                reading.sender_fault = (action == Action::BlameSender).then_some(class.as_str());
                reading
            }
        }
    }

    fn reading(
        self,
        state: OutcomeState,
        outcome: &'static str,
        phase: Option<Phase>,
        class: Option<&'static str>,
        reply: Option<String>,
    ) -> Reading {
        let row = OutcomeRow {
            message: self.message,
            place: None,
            expect: self.expect,
            state,
            charged: true,
            outcome,
            phase: phase.map(Phase::as_str),
            class,
            reply,
            suppress: None,
        };
        Reading { row, sender_fault: None, pushback: None }
    }
}

#[cfg(test)]
#[path = "read_answer_tests.rs"]
mod tests;
