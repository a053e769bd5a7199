//! Trying a sender's account.

use std::time::Duration;

use domain::ids::{SenderId, TenantId};
use providers::smtp::{SmtpAccount, SmtpFailure, SmtpTimeouts, check_account};
use serde::Serialize;
use store::{SenderAccount, Store};
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::ApiOptions;

/// A person waits for the answer.
const WITHIN: Duration = Duration::from_secs(20);
const PHASE: Duration = Duration::from_secs(8);

/// Whether a sender's account works.
#[derive(Serialize, ToSchema)]
pub struct CheckView {
    pub ok: bool,
    /// Where it failed: `connect`, `auth`, `mail_from`, or `setup`; null if it works.
    pub phase: Option<String>,
    /// What the server said, or what went wrong.
    pub problem: Option<String>,
    /// The server's SMTP code, if it gave one.
    pub code: Option<u16>,
}

/// Connects, authenticates, and asks the server whether it takes mail from the address. `None`: there is no such sender.
pub async fn check_sender(
    store: &Store,
    options: &ApiOptions,
    tenant: TenantId,
    id: SenderId,
) -> store::Result<Option<CheckView>> {
    let Some(account) = store.senders().account(tenant, id).await? else { return Ok(None) };
    let from = account.address.clone();
    let account = match credentials(options, account) {
        Ok(account) => account,
        Err(problem) => return Ok(Some(CheckView::failed("setup", problem, None))),
    };
    let timeouts = SmtpTimeouts { connect: PHASE, hello: PHASE, envelope: PHASE, ..SmtpTimeouts::default() };
    let checked = check_account(&account, &from, &options.egress, &options.roots, &options.hello, &timeouts);
    Ok(Some(match timeout(WITHIN, checked).await {
        Err(_) => CheckView::failed("connect", "the server took more than 20 s".to_owned(), None),
        Ok(Ok(())) => CheckView { ok: true, phase: None, problem: None, code: None },
        Ok(Err(SmtpFailure::Refused { phase, code, text })) => CheckView::failed(phase.as_str(), text, Some(code)),
        Ok(Err(SmtpFailure::Broken { phase, why })) => CheckView::failed(phase.as_str(), why, None),
        Ok(Err(SmtpFailure::Unusable { why })) => CheckView::failed("setup", why, None),
    }))
}

impl CheckView {
    fn failed(phase: &str, problem: String, code: Option<u16>) -> Self {
        Self { ok: false, phase: Some(phase.to_owned()), problem: Some(problem), code }
    }
}

fn credentials(options: &ApiOptions, account: SenderAccount) -> Result<SmtpAccount, String> {
    let credentials = match account.credentials {
        None => None,
        Some((username, secret)) => {
            let keyring = options.keyring.as_ref();
            let keyring = keyring.ok_or("this process has no POSTFLEET_SECRET_KEYS to decrypt the password with")?;
            let password = keyring.decrypt_password(account.tenant, account.id, &secret);
            Some((username, password.map_err(|error| error.to_string())?))
        }
    };
    Ok(SmtpAccount {
        host: account.smtp_host,
        port: account.smtp_port,
        tls: account.tls_mode,
        credentials,
        max_connections: account.max_connections,
    })
}
