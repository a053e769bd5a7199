use domain::ids::{SenderId, TenantId};
use domain::senders::CheckedSender;
use runtime::crypto::{Keyring, Place};
use store::NewSender;

use crate::ApiError;

/// A sender as it is stored: its password encrypted, bound to its row. One without a new password keeps `kept`.
pub fn encrypt(
    keyring: Option<&Keyring>,
    tenant: TenantId,
    id: SenderId,
    sender: CheckedSender,
    kept: Option<Vec<u8>>,
) -> Result<NewSender, ApiError> {
    let secret = match &sender.password {
        None => kept,
        Some(password) => {
            let keyring = keyring.ok_or_else(|| {
                ApiError::invalid_field("password", "this installation has no POSTFLEET_SECRET_KEYS to encrypt it with")
            })?;
            let (tenant, row) = (tenant.to_string(), id.to_string());
            let place = Place { tenant: &tenant, table: "senders", column: "secret", row: &row };
            let sealed = keyring.encrypt(place, password.as_bytes());
            Some(sealed.map_err(|error| ApiError::internal(&error.into()))?)
        }
    };
    Ok(NewSender {
        id,
        address: sender.address,
        display_name: sender.display_name,
        smtp_host: sender.smtp_host,
        smtp_port: sender.smtp_port,
        tls_mode: sender.tls,
        credentials: sender.username.zip(secret),
        max_connections: sender.max_connections,
    })
}
