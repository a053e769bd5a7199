//! API keys: `pf_live_{id}_{secret}{checksum}`.
//!
//! The prefix is for secret scanners, the checksum refuses a typo without asking the database, the id finds the row,
//! and of the secret only its hash is kept.

mod rights;
mod scope;

pub use rights::KeyRights;
pub use scope::KeyScope;

use sha2::{Digest, Sha256};

use crate::ids::ApiKeyId;

const BRAND: &str = "pf_live_";
const SECRET_BYTES: usize = 32;
const CHECKSUM_HEX: usize = 8;

/// A key as its owner holds it. Shown once, never stored, never printed by `{:?}`.
#[derive(Clone)]
pub struct ApiKey {
    pub id: ApiKeyId,
    secret: [u8; SECRET_BYTES],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not an API key of Postfleet, or it was copied incompletely")]
pub struct MalformedKey;

impl ApiKey {
    pub fn new(id: ApiKeyId, secret: [u8; SECRET_BYTES]) -> Self {
        Self { id, secret }
    }

    /// What its owner is shown, once.
    pub fn reveal(&self) -> String {
        let body = format!("{BRAND}{}_{}", self.id.0.simple(), hex::encode(self.secret));
        let checksum = crc32fast::hash(body.as_bytes());
        format!("{body}{checksum:0width$x}", width = CHECKSUM_HEX)
    }

    pub fn parse(text: &str) -> Result<Self, MalformedKey> {
        let text = text.trim();
        let split = text.len().checked_sub(CHECKSUM_HEX).filter(|at| text.is_char_boundary(*at)).ok_or(MalformedKey)?;
        let (body, checksum) = text.split_at(split);
        if u32::from_str_radix(checksum, 16) != Ok(crc32fast::hash(body.as_bytes())) {
            return Err(MalformedKey);
        }
        let (id, secret) = body.strip_prefix(BRAND).and_then(|rest| rest.split_once('_')).ok_or(MalformedKey)?;
        let id = uuid::Uuid::try_parse(id).map_err(|_| MalformedKey)?;
        let mut bytes = [0; SECRET_BYTES];
        hex::decode_to_slice(secret, &mut bytes).map_err(|_| MalformedKey)?;
        Ok(Self { id: ApiKeyId(id), secret: bytes })
    }

    /// What is stored. A fast hash is right here: the secret is 256 random bits, not a password.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret).into()
    }
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ApiKey({}, secret hidden)", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn key() -> ApiKey {
        ApiKey::new(ApiKeyId(Uuid::from_u128(7)), [0xab; 32])
    }

    #[test]
    fn a_key_reads_back_with_the_same_hash() {
        let read = ApiKey::parse(&key().reveal()).expect("own key");
        assert_eq!((read.id, read.hash()), (key().id, key().hash()));
    }

    #[test]
    fn a_changed_or_cut_key_is_refused_before_any_look_up() {
        let shown = key().reveal();
        for at in 0..shown.len() {
            let mut bytes = shown.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(bytes).expect("ascii");
            assert!(ApiKey::parse(&changed).is_err(), "{at}");
        }
        for text in ["", "pf_live_", &shown[..shown.len() - 1], "ééééé"] {
            assert!(ApiKey::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn debug_output_hides_the_secret() {
        assert!(!format!("{:?}", key()).contains("abab"));
    }
}
