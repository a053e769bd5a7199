use std::fmt;
use std::time::Duration;

use domain::senders::TlsMode;

/// How an account's server is reached. Its `{:?}` hides the password.
#[derive(Clone)]
pub struct SmtpAccount {
    pub host: String,
    pub port: u16,
    pub tls: TlsMode,
    pub credentials: Option<(String, String)>,
    pub max_connections: u32,
}

impl fmt::Debug for SmtpAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpAccount").field("port", &self.port).field("tls", &self.tls).finish_non_exhaustive()
    }
}

/// The longest each phase may take as a whole: a server that sends a byte now and then gains nothing.
#[derive(Debug, Clone, Copy)]
pub struct SmtpTimeouts {
    pub connect: Duration,
    /// Greeting, EHLO, STARTTLS and AUTH, each.
    pub hello: Duration,
    pub envelope: Duration,
    pub data: Duration,
    /// From the first byte of the content to the answer after the final dot.
    pub final_dot: Duration,
}

impl Default for SmtpTimeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            hello: Duration::from_secs(60),
            envelope: Duration::from_secs(300),
            // With the final dot's ten minutes it stays within the commit deadline of eleven.
            data: Duration::from_secs(45),
            final_dot: Duration::from_secs(600),
        }
    }
}
