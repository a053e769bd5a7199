//! Secrets at rest: AES-256-GCM under a named key, bound to the place they are stored in.

use std::fmt;
use std::str::FromStr;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::ids::{SenderId, TenantId};

use crate::ids::secret_bytes;

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;
const KEY_BYTES: usize = 32;

/// The operator's keys: the first encrypts, all decrypt, so that one can be replaced while rows still use it.
#[derive(Clone)]
pub struct Keyring {
    keys: Vec<(String, Aes256Gcm)>,
}

/// Where a secret is stored. It decrypts nowhere else: a ciphertext copied to another row is worthless there.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub tenant: &'a str,
    pub table: &'a str,
    pub column: &'a str,
    pub row: &'a str,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    #[error("keys are written as name:base64 of 32 bytes, separated by commas; the first one encrypts")]
    MalformedKeys,
    #[error("the secret was encrypted with a key that is not configured here: {0}")]
    UnknownKey(String),
    #[error("the secret cannot be decrypted: it was damaged, moved from another row, or its key has changed")]
    Undecipherable,
}

impl Keyring {
    /// Whether it has a key of this name.
    pub fn has(&self, name: &str) -> bool {
        self.keys.iter().any(|(known, _)| known == name)
    }

    /// The password of a sender's account, for that sender's row.
    pub fn encrypt_password(&self, tenant: TenantId, sender: SenderId, password: &str) -> Result<Vec<u8>, CryptoError> {
        let (tenant, row) = (tenant.to_string(), sender.to_string());
        self.encrypt(Place::of_password(&tenant, &row), password.as_bytes())
    }

    pub fn decrypt_password(&self, tenant: TenantId, sender: SenderId, stored: &[u8]) -> Result<String, CryptoError> {
        let (tenant, row) = (tenant.to_string(), sender.to_string());
        let password = self.decrypt(Place::of_password(&tenant, &row), stored)?;
        String::from_utf8(password).map_err(|_| CryptoError::Undecipherable)
    }

    pub fn encrypt(&self, place: Place<'_>, secret: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let (name, cipher) = self.keys.first().ok_or(CryptoError::MalformedKeys)?;
        let nonce: [u8; NONCE_BYTES] = secret_bytes();
        let sealed = cipher
            .encrypt(&nonce.into(), Payload { msg: secret, aad: &place.authenticated() })
            .map_err(|_| CryptoError::Undecipherable)?;
        let mut stored = vec![VERSION, name.len() as u8];
        stored.extend_from_slice(name.as_bytes());
        stored.extend_from_slice(&nonce);
        stored.extend_from_slice(&sealed);
        Ok(stored)
    }

    pub fn decrypt(&self, place: Place<'_>, stored: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let damaged = CryptoError::Undecipherable;
        let [VERSION, name_bytes, rest @ ..] = stored else { return Err(damaged) };
        let (name, rest) = rest.split_at_checked(usize::from(*name_bytes)).ok_or(damaged.clone())?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(damaged.clone())?;
        let name = std::str::from_utf8(name).map_err(|_| damaged.clone())?;
        let (_, cipher) = self
            .keys
            .iter()
            .find(|(known, _)| known == name)
            .ok_or_else(|| CryptoError::UnknownKey(name.to_owned()))?;
        cipher.decrypt(&(*nonce).into(), Payload { msg: sealed, aad: &place.authenticated() }).map_err(|_| damaged)
    }
}

impl<'a> Place<'a> {
    fn of_password(tenant: &'a str, sender: &'a str) -> Self {
        Self { tenant, table: "senders", column: "secret", row: sender }
    }

    fn authenticated(self) -> Vec<u8> {
        [self.tenant, self.table, self.column, self.row].join("\u{1f}").into_bytes()
    }
}

impl FromStr for Keyring {
    type Err = CryptoError;

    fn from_str(text: &str) -> Result<Self, CryptoError> {
        let keys = text.split(',').map(|entry| {
            let (name, key) = entry.trim().split_once(':').ok_or(CryptoError::MalformedKeys)?;
            let key: [u8; KEY_BYTES] = STANDARD
                .decode(key)
                .ok()
                .and_then(|bytes| bytes.try_into().ok())
                .filter(|_| (1..=32).contains(&name.len()))
                .ok_or(CryptoError::MalformedKeys)?;
            Ok((name.to_owned(), Aes256Gcm::new(&key.into())))
        });
        Ok(Self { keys: keys.collect::<Result<_, _>>()? })
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.keys.iter().map(|(name, _)| name.as_str()).collect();
        write!(f, "Keyring({names:?}, keys hidden)")
    }
}

/// A new key, as it is configured.
pub fn generate_key(name: &str) -> String {
    format!("{name}:{}", STANDARD.encode(secret_bytes::<KEY_BYTES>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place { tenant: "tnt_1", table: "senders", column: "secret", row: "snd_1" };

    fn ring(names: &[&str]) -> Keyring {
        let keys: Vec<String> =
            names.iter().map(|name| format!("{name}:{}", STANDARD.encode([name.len() as u8; 32]))).collect();
        keys.join(",").parse().expect("well-formed")
    }

    #[test]
    fn a_secret_comes_back_only_in_its_own_place() {
        let ring = ring(&["a"]);
        let stored = ring.encrypt(PLACE, b"hunter2").expect("encrypts");
        assert_eq!(ring.decrypt(PLACE, &stored), Ok(b"hunter2".to_vec()));
        let moved = Place { row: "snd_2", ..PLACE };
        assert_eq!(ring.decrypt(moved, &stored), Err(CryptoError::Undecipherable));
        assert!(!stored.windows(7).any(|window| window == b"hunter2"));
    }

    #[test]
    fn a_cut_or_damaged_secret_is_an_error_at_every_length() {
        let ring = ring(&["a"]);
        let stored = ring.encrypt(PLACE, b"hunter2").expect("encrypts");
        for length in 0..stored.len() {
            assert!(ring.decrypt(PLACE, &stored[..length]).is_err(), "{length}");
            let mut damaged = stored.clone();
            damaged[length] ^= 1;
            assert!(ring.decrypt(PLACE, &damaged).is_err(), "{length}");
        }
    }

    #[test]
    fn an_old_key_still_decrypts_after_a_new_one_came_first() {
        let stored = ring(&["a"]).encrypt(PLACE, b"x").expect("encrypts");
        assert_eq!(ring(&["bb", "a"]).decrypt(PLACE, &stored), Ok(b"x".to_vec()));
        assert_eq!(ring(&["bb"]).decrypt(PLACE, &stored), Err(CryptoError::UnknownKey("a".into())));
    }

    #[test]
    fn malformed_keys_are_refused_and_never_printed() {
        for text in ["", "a", "a:short", ":AAAA"] {
            assert!(text.parse::<Keyring>().is_err(), "{text}");
        }
        let key = generate_key("main");
        let ring: Keyring = key.parse().expect("own key");
        assert!(!format!("{ring:?}").contains(&key[5..]));
    }
}
