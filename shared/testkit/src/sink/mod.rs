//! A scripted SMTP server in its own process. Its log, synced before it answers, is the judge of what was sent.

pub mod in_hand;
pub mod log;
pub mod rules;
pub mod server;
pub mod tls;

mod handle;

pub use handle::{Sink, SinkOptions};
pub use log::SinkEvent;
pub use rules::{Action, Moment, Rule};
pub use tls::CertificateFault;
