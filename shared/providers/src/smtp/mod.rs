//! SMTP over lettre's connection type, with our own sessions, pool and timeouts.
//!
//! lettre's async pool has no timeout after the connect and reuses a connection whose reply is still due. Here every
//! phase has its time (RFC 5321 §4.5.3.2) and a connection with any doubt is dropped, never reused.

mod account;
mod answer;
mod check;
mod content;
mod dial;
mod heard;
mod pool;
mod session;
mod tls;
mod watched;

pub use account::{SmtpAccount, SmtpTimeouts};
pub use answer::{FinalAnswer, SmtpFailure};
pub use check::check_account;
pub use dial::TlsRoots;
pub use pool::{ConnectionGate, SmtpPool};
pub use session::Session;
