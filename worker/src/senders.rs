//! The accounts this worker sends through, and their connections.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::ids::{SenderId, TenantId, WorkerId};
use futures::StreamExt;
use limits::Limiter;
use lru::LruCache;
use providers::Egress;
use providers::smtp::{SmtpAccount, SmtpPool, SmtpTimeouts, TlsRoots};
use runtime::Keyring;
use runtime::crypto::CryptoError;
use store::{SenderAccount, Store};
use tokio::sync::Semaphore;

use crate::connections::SenderConnections;
use crate::context::ContextOptions;

/// Leases on connections last five seconds.
const RENEW_EVERY: Duration = Duration::from_secs(1);
/// Senders whose connections are renewed in one call.
const RENEW_MAX: usize = 200;
/// Accounts kept ready; the least used go first.
const SENDERS_MAX: NonZeroUsize = NonZeroUsize::new(2_000).expect("not zero");

/// An account, ready to send.
pub struct ReadySender {
    pub address: String,
    pub display_name: Option<String>,
    pub version: i32,
    pub pool: SmtpPool,
}

#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    #[error("the sender does not exist")]
    Missing,
    #[error(transparent)]
    Secret(#[from] CryptoError),
    #[error("the sender has credentials, and no POSTFLEET_SECRET_KEYS are configured here")]
    NoKeyring,
    #[error(transparent)]
    Store(#[from] store::StoreError),
}

pub struct SenderPools {
    store: Store,
    limits: Limiter,
    worker: WorkerId,
    keyring: Option<Keyring>,
    egress: Arc<Egress>,
    roots: Arc<TlsRoots>,
    hello: String,
    timeouts: SmtpTimeouts,
    process_permits: Arc<Semaphore>,
    ready: Mutex<LruCache<SenderId, Arc<ReadySender>>>,
    /// Apart from the above, because they outlive a change of the account.
    connections: Mutex<LruCache<SenderId, Arc<SenderConnections>>>,
}

impl SenderPools {
    pub fn new(store: Store, limits: Limiter, worker: WorkerId, options: ContextOptions) -> Self {
        Self {
            store,
            limits,
            worker,
            keyring: options.keyring,
            egress: Arc::new(options.egress),
            roots: Arc::new(options.roots),
            hello: options.hello,
            timeouts: options.timeouts,
            process_permits: Arc::new(Semaphore::new(options.connections_max)),
            ready: Mutex::new(LruCache::new(SENDERS_MAX)),
            connections: Mutex::new(LruCache::new(SENDERS_MAX)),
        }
    }

    /// The account as of `version`; an older one is built anew, and its connections end with their last message.
    pub async fn ready(&self, tenant: TenantId, id: SenderId, version: i32) -> Result<Arc<ReadySender>, SenderError> {
        let kept = self.lock().get(&id).filter(|ready| ready.version >= version).cloned();
        if let Some(ready) = kept {
            self.connections.lock().unwrap_or_else(PoisonError::into_inner).promote(&id);
            return Ok(ready);
        }
        let account = self.store.senders().account(tenant, id).await?.ok_or(SenderError::Missing)?;
        let fresh = Arc::new(self.build(account)?);
        let mut ready = self.lock();
        // Another job of this sender may have built it meanwhile; two pools would mean twice the connections.
        match ready.get(&id).filter(|ready| ready.version >= fresh.version) {
            Some(first) => Ok(Arc::clone(first)),
            None => {
                ready.put(id, Arc::clone(&fresh));
                Ok(fresh)
            }
        }
    }

    fn build(&self, account: SenderAccount) -> Result<ReadySender, SenderError> {
        let smtp = SmtpAccount {
            credentials: self.credentials(&account)?,
            host: account.smtp_host,
            port: account.smtp_port,
            tls: account.tls_mode,
            max_connections: account.max_connections,
        };
        let pool = SmtpPool::new(
            smtp,
            Arc::clone(&self.egress),
            Arc::clone(&self.roots),
            &self.hello,
            self.timeouts,
            self.connections_of(account.id, account.max_connections),
            Arc::clone(&self.process_permits),
        );
        Ok(ReadySender { address: account.address, display_name: account.display_name, version: account.version, pool })
    }

    /// Says every second what this worker holds, and gives back at once what others wait for. Runs until it is dropped.
    pub async fn keep_connections(&self) {
        let mut ticks = tokio::time::interval(RENEW_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let Ok(wishes) = self.limits.wanted_connections().await else {
                ticks.tick().await;
                self.renew(|connections| connections.holding().held > 0).await;
                continue;
            };
            let mut wishes = wishes.boxed();
            loop {
                tokio::select! {
                    _ = ticks.tick() => self.renew(|connections| connections.holding().held > 0).await,
                    wish = wishes.next() => match wish {
                        Some(sender) => {
                            self.renew(|of| of.holding().sender == sender && of.is_worth_telling()).await;
                        }
                        None => break,
                    },
                }
            }
        }
    }

    async fn renew(&self, which: impl Fn(&SenderConnections) -> bool) {
        let all: Vec<Arc<SenderConnections>> = {
            let known = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
            let wanted = known.iter().filter(|(_, connections)| which(connections));
            wanted.map(|(_, connections)| Arc::clone(connections)).collect()
        };
        for some in all.chunks(RENEW_MAX) {
            let Ok(told) = SenderConnections::renew(&self.limits, self.worker, some).await else { continue };
            for (connections, share) in told {
                let pool = self.lock().peek(&share.sender).cloned();
                connections.keep_to(share, pool);
            }
        }
    }

    fn connections_of(&self, sender: SenderId, most: u32) -> Arc<SenderConnections> {
        let mut known = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Arc::new(SenderConnections::new(self.worker, sender, most, self.limits.clone()));
        let connections = Arc::clone(known.get_or_insert(sender, fresh));
        connections.set_most(most);
        connections
    }

    fn credentials(&self, account: &SenderAccount) -> Result<Option<(String, String)>, SenderError> {
        let Some((username, secret)) = &account.credentials else { return Ok(None) };
        let keyring = self.keyring.as_ref().ok_or(SenderError::NoKeyring)?;
        Ok(Some((username.clone(), keyring.decrypt_password(account.tenant, account.id, secret)?)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<SenderId, Arc<ReadySender>>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
