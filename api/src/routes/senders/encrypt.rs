use domain::ids::{SenderId, TenantId};
use domain::senders::CheckedSender;
use runtime::Keyring;
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
            let encrypted = keyring.encrypt_password(tenant, id, password);
            Some(encrypted.map_err(|error| ApiError::internal(&error.into()))?)
        }
    };
    Ok(NewSender::new(id, sender, secret))
}
