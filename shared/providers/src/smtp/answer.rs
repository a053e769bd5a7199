use domain::messages::refusal::Phase;
use domain::reply;
use lettre::transport::smtp::Error;

/// What went wrong before the point of no return: the message has certainly not been sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SmtpFailure {
    /// The server said no.
    Refused { phase: Phase, code: u16, text: String },
    /// It could not be reached, hung up, timed out, or made no sense.
    Broken { phase: Phase, why: String },
    /// The operator does not allow the address, or the account is set up in a way that cannot work.
    Unusable { why: String },
}

/// What came of writing the final bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinalAnswer {
    /// 250: it is theirs.
    Accepted { reply: String },
    /// A definite no, at `DATA` or after the final dot.
    Refused { phase: Phase, code: u16, text: String },
    /// Something broke, and the final dot was certainly not written.
    NotSent { why: String },
    /// The answer is lost: they may or may not have it.
    Unknown { why: String },
}

impl SmtpFailure {
    pub(super) fn from_error(phase: Phase, error: &Error) -> Self {
        match error.status() {
            Some(code) => Self::Refused { phase, code: code.into(), text: reply_text(error) },
            None if phase == Phase::Auth && error.is_client() => Self::Unusable { why: describe(error) },
            None => Self::Broken { phase, why: describe(error) },
        }
    }

    pub(super) fn timed_out(phase: Phase) -> Self {
        Self::Broken { phase, why: "timed out".to_owned() }
    }
}

/// The server's own words, without lettre's.
pub(super) fn reply_text(error: &Error) -> String {
    std::error::Error::source(error).map(|source| reply::sanitize(&source.to_string())).unwrap_or_default()
}

pub(super) fn describe(error: &Error) -> String {
    reply::sanitize(&error.to_string())
}
