use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use lettre::transport::smtp::extension::ClientId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::dial::{TlsRoots, dial};
use super::session::Session;
use super::{SmtpAccount, SmtpFailure, SmtpTimeouts};
use crate::Egress;

/// Messages over one connection before a fresh one: servers have such limits and end the conversation at theirs.
const SENDS_MAX: u32 = 100;
/// A connection that idled longer is likely closed at the other end by now.
const IDLE_MAX: Duration = Duration::from_secs(20);

/// After a server hung up on several commands sent at once.
const PLAINLY_FOR: Duration = Duration::from_secs(600);

/// Who says how many connections of an account this process may have.
pub trait ConnectionGate: Send + Sync {
    /// Waits until one more may be opened, or a kept one used. It counts until the permit is dropped.
    fn enter(&self) -> BoxFuture<'_, OwnedSemaphorePermit>;
}

/// The connections of one account in this process.
pub struct SmtpPool {
    account: SmtpAccount,
    egress: Arc<Egress>,
    roots: Arc<TlsRoots>,
    hello: ClientId,
    timeouts: SmtpTimeouts,
    gate: Arc<dyn ConnectionGate>,
    process_permits: Arc<Semaphore>,
    idle: Mutex<Vec<Session>>,
    plainly_until: Mutex<Option<Instant>>,
}

impl SmtpPool {
    pub fn new(
        account: SmtpAccount,
        egress: Arc<Egress>,
        roots: Arc<TlsRoots>,
        hello: &str,
        timeouts: SmtpTimeouts,
        gate: Arc<dyn ConnectionGate>,
        process_permits: Arc<Semaphore>,
    ) -> Self {
        let hello = ClientId::Domain(hello.to_owned());
        Self {
            account,
            egress,
            roots,
            hello,
            timeouts,
            gate,
            process_permits,
            idle: Mutex::default(),
            plainly_until: Mutex::default(),
        }
    }

    /// A session for one message, on a kept connection or a fresh one. Waits while the account's connections, or this
    /// process's, are all in use.
    pub async fn open(&self) -> Result<Session, SmtpFailure> {
        let closed = || SmtpFailure::Unusable { why: "the pool is closed".to_owned() };
        let account = self.gate.enter().await;
        let process = Arc::clone(&self.process_permits).acquire_owned().await.map_err(|_| closed())?;
        let mut session = match self.take_idle() {
            Some(session) => session,
            None => {
                // Boxed: what it needs would be reserved for every message, most of which find a connection kept.
                let dialing = Box::pin(dial(&self.account, &self.egress, &self.roots, &self.hello, &self.timeouts));
                let dialed = dialing.await?;
                metrics::counter!("postfleet_smtp_connections_total").increment(1);
                Session::new(dialed, self.timeouts)
            }
        };
        session.pipelines = session.offers_pipelining && !self.speaks_plainly();
        session.permits = Some((account, process));
        Ok(session)
    }

    /// Commands go one by one for a while: a server that hung up on several at once may have said why, and a reset
    /// destroys what was said and not yet read.
    pub fn speak_plainly(&self) {
        let until = Instant::now() + PLAINLY_FOR;
        *self.plainly_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    fn speaks_plainly(&self) -> bool {
        let until = *self.plainly_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    /// Closes kept connections beyond so many: the account's leases on them have gone back.
    pub fn trim_idle(&self, most: usize) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let beyond = idle.len().saturating_sub(most);
        idle.drain(..beyond);
    }

    pub(super) fn keep(&self, mut session: Session) {
        session.permits = None;
        session.kept = true;
        session.idle_since = Instant::now();
        if session.sent < SENDS_MAX && !session.astray && !session.connection.has_broken() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        }
    }

    /// The connection used last is the likeliest to be alive; those that idled too long are closed on the way.
    fn take_idle(&self) -> Option<Session> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|session| session.idle_since.elapsed() < IDLE_MAX);
        idle.pop()
    }
}
