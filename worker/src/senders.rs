//! The accounts this worker sends through, and their connections.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use domain::ids::{SenderId, TenantId};
use lru::LruCache;
use providers::Egress;
use providers::smtp::{SmtpAccount, SmtpPool, SmtpTimeouts, TlsRoots};
use runtime::Keyring;
use runtime::crypto::{CryptoError, Place};
use store::{SenderAccount, Store};
use tokio::sync::Semaphore;

use crate::context::ContextOptions;

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
    keyring: Option<Keyring>,
    egress: Arc<Egress>,
    roots: Arc<TlsRoots>,
    hello: String,
    timeouts: SmtpTimeouts,
    process_permits: Arc<Semaphore>,
    ready: Mutex<LruCache<SenderId, Arc<ReadySender>>>,
}

impl SenderPools {
    pub fn new(store: Store, options: ContextOptions) -> Self {
        Self {
            store,
            keyring: options.keyring,
            egress: Arc::new(options.egress),
            roots: Arc::new(options.roots),
            hello: options.hello,
            timeouts: options.timeouts,
            process_permits: Arc::new(Semaphore::new(options.connections_max)),
            ready: Mutex::new(LruCache::new(SENDERS_MAX)),
        }
    }

    /// The account as of `version`; an older one is built anew, and its connections end with their last message.
    pub async fn ready(&self, tenant: TenantId, id: SenderId, version: i32) -> Result<Arc<ReadySender>, SenderError> {
        let kept = self.lock().get(&id).filter(|ready| ready.version >= version).cloned();
        if let Some(ready) = kept {
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
            Arc::clone(&self.process_permits),
        );
        Ok(ReadySender { address: account.address, display_name: account.display_name, version: account.version, pool })
    }

    fn credentials(&self, account: &SenderAccount) -> Result<Option<(String, String)>, SenderError> {
        let Some((username, secret)) = &account.credentials else { return Ok(None) };
        let keyring = self.keyring.as_ref().ok_or(SenderError::NoKeyring)?;
        let (tenant, row) = (account.tenant.to_string(), account.id.to_string());
        let place = Place { tenant: &tenant, table: "senders", column: "secret", row: &row };
        let password = String::from_utf8(keyring.decrypt(place, secret)?).map_err(|_| CryptoError::Undecipherable)?;
        Ok(Some((username.clone(), password)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<SenderId, Arc<ReadySender>>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
