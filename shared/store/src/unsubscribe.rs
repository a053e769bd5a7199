use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::ids::EnrollmentId;
use uuid::Uuid;

/// What a link to unsubscribe carries: whose enrollment, and 122 random bits that only its mails know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnsubscribeToken {
    pub enrollment: EnrollmentId,
    pub secret: Uuid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no link to unsubscribe")]
pub struct InvalidToken;

impl fmt::Display for UnsubscribeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(self.enrollment.uuid().as_bytes());
        bytes[16..].copy_from_slice(self.secret.as_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for UnsubscribeToken {
    type Err = InvalidToken;

    fn from_str(text: &str) -> Result<Self, InvalidToken> {
        let bytes: [u8; 32] = URL_SAFE_NO_PAD.decode(text).ok().and_then(|b| b.try_into().ok()).ok_or(InvalidToken)?;
        let (mut id, mut secret) = ([0; 16], [0; 16]);
        id.copy_from_slice(&bytes[..16]);
        secret.copy_from_slice(&bytes[16..]);
        Ok(Self { enrollment: EnrollmentId(Uuid::from_bytes(id)), secret: Uuid::from_bytes(secret) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_nothing_else_reads() {
        let token = UnsubscribeToken { enrollment: EnrollmentId(Uuid::from_u128(1)), secret: Uuid::from_u128(2) };
        assert_eq!(token.to_string().parse(), Ok(token));
        assert_eq!(token.to_string().len(), 43);
        for text in ["", "x", "AAAA", &"A".repeat(44), "../../etc/passwd"] {
            assert_eq!(text.parse::<UnsubscribeToken>(), Err(InvalidToken), "{text}");
        }
    }
}
