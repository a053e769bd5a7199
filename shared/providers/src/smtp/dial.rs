use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::messages::refusal::Phase;
use domain::senders::TlsMode;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::Ehlo;
use lettre::transport::smtp::extension::ClientId;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::answer::SmtpFailure;
use super::watched::Watched;
use super::{SmtpAccount, SmtpTimeouts};
use crate::{Egress, EgressError};

/// Certificate authorities to trust beside the usual ones.
#[derive(Debug, Clone, Default)]
pub struct TlsRoots {
    pem: Vec<u8>,
    parsed: Option<Certificate>,
}

impl TlsRoots {
    pub fn from_pem(pem: Vec<u8>) -> Result<Self, String> {
        let parsed = Certificate::from_pem(&pem).map_err(|error| error.to_string())?;
        Ok(Self { pem, parsed: Some(parsed) })
    }
}

/// A connection that is ready for `MAIL FROM`.
pub(super) struct Dialed {
    pub connection: AsyncSmtpConnection,
    /// `None` under TLS, where it cannot be watched.
    pub dot_begun: Option<Arc<AtomicBool>>,
    /// Whether several commands may be sent at once (RFC 2920).
    pub pipelining: bool,
}

/// Resolves, connects, greets, upgrades and authenticates; each step has its time.
pub(super) async fn dial(
    account: &SmtpAccount,
    egress: &Egress,
    roots: &TlsRoots,
    hello: &ClientId,
    timeouts: &SmtpTimeouts,
) -> Result<Dialed, SmtpFailure> {
    let address = timeout(timeouts.connect, egress.resolve(&account.host, account.port))
        .await
        .map_err(|_| SmtpFailure::timed_out(Phase::Connect))?
        .map_err(unresolved)?;
    let stream = timeout(timeouts.connect, TcpStream::connect(address))
        .await
        .map_err(|_| SmtpFailure::timed_out(Phase::Connect))?
        .map_err(|error| broken(error.to_string()))?;
    // lettre writes body and final dot apart; Nagle would hold the dot for a delayed acknowledgement, 40 ms a message.
    stream.set_nodelay(true).map_err(|error| broken(error.to_string()))?;

    let tls = || tls_parameters(&account.host, roots);
    let (mut connection, watching) = match account.tls {
        TlsMode::Tls => {
            let stream = tls_stream(stream, &account.host, roots, timeouts.hello).await?;
            let greeted = AsyncSmtpConnection::connect_with_transport(Box::new(stream), hello);
            (phase(timeouts.hello, Phase::Connect, greeted).await?, None)
        }
        TlsMode::Starttls | TlsMode::None => {
            let (watched, watching) = Watched::new(stream, account.tls == TlsMode::Starttls);
            let greeted = AsyncSmtpConnection::connect_with_transport(Box::new(watched), hello);
            (phase(timeouts.hello, Phase::Connect, greeted).await?, Some(watching))
        }
    };
    let dot_begun = if account.tls == TlsMode::Starttls {
        if !connection.can_starttls() {
            return Err(unusable("the server does not offer STARTTLS; nothing was sent in the clear"));
        }
        phase(timeouts.hello, Phase::Connect, connection.starttls(tls()?, hello)).await?;
        if let Some(watching) = watching {
            watching.byte_by_byte.store(false, Ordering::Relaxed);
        }
        None
    } else {
        watching.map(|watching| watching.dot_begun)
    };
    // lettre keeps nothing of its own EHLO that would tell.
    let offers = phase(timeouts.hello, Phase::Connect, connection.command(Ehlo::new(hello.clone()))).await?;
    let pipelining = offers.message().any(|line| line.eq_ignore_ascii_case("PIPELINING"));
    if let Some((username, password)) = &account.credentials {
        if account.tls == TlsMode::None {
            return Err(unusable("credentials are never sent without TLS"));
        }
        let credentials = Credentials::new(username.clone(), password.clone());
        let mechanisms = [Mechanism::Plain, Mechanism::Login];
        phase(timeouts.hello, Phase::Auth, connection.auth(&mechanisms, &credentials)).await?;
    }
    Ok(Dialed { connection, dot_begun, pipelining })
}

/// Awaits one step of the conversation within its time.
pub(super) async fn phase<T>(
    limit: Duration,
    phase: Phase,
    step: impl Future<Output = Result<T, lettre::transport::smtp::Error>>,
) -> Result<T, SmtpFailure> {
    timeout(limit, step)
        .await
        .map_err(|_| SmtpFailure::timed_out(phase))?
        .map_err(|error| SmtpFailure::from_error(phase, &error))
}

fn tls_parameters(host: &str, roots: &TlsRoots) -> Result<TlsParameters, SmtpFailure> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(root) = &roots.parsed {
        builder = builder.add_root_certificate(root.clone());
    }
    builder.build_rustls().map_err(|error| unusable(&error.to_string()))
}

async fn tls_stream(
    stream: TcpStream,
    host: &str,
    roots: &TlsRoots,
    limit: Duration,
) -> Result<super::tls::TlsStream, SmtpFailure> {
    timeout(limit, super::tls::wrap(stream, host, &roots.pem))
        .await
        .map_err(|_| SmtpFailure::timed_out(Phase::Connect))?
        .map_err(|error| broken(error.to_string()))
}

fn unresolved(error: EgressError) -> SmtpFailure {
    match error {
        EgressError::Unresolved(error) => broken(error.to_string()),
        EgressError::Forbidden | EgressError::Malformed(_) => unusable(&error.to_string()),
    }
}

fn broken(why: String) -> SmtpFailure {
    SmtpFailure::Broken { phase: Phase::Connect, why: domain::reply::sanitize(&why) }
}

fn unusable(why: &str) -> SmtpFailure {
    SmtpFailure::Unusable { why: domain::reply::sanitize(why) }
}
