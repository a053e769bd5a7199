//! E-mail addresses as we accept them: plain ASCII, one `@`, nothing that needs quoting.

use std::fmt;

const LOCAL_PART_MAX_BYTES: usize = 64;
const DOMAIN_MAX_BYTES: usize = 253;
const LABEL_MAX_BYTES: usize = 63;

/// Why an address is refused, in words for whoever sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    #[error("has no @ between a mailbox and a domain")]
    NoAt,
    #[error("must be ASCII: write an international domain in its xn-- form")]
    NotAscii,
    #[error("has a mailbox part that is empty, longer than 64 bytes or contains characters that need quoting")]
    LocalPart,
    #[error("has a domain that is not a dotted host name of at most 253 bytes")]
    Domain,
}

/// A checked address. The domain is lower case; the mailbox part is as given.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    text: String,
    at: usize,
}

impl Address {
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        if !text.is_ascii() {
            return Err(InvalidAddress::NotAscii);
        }
        let at = text.rfind('@').ok_or(InvalidAddress::NoAt)?;
        let (local, domain) = (&text[..at], &text[at + 1..]);
        if !is_dot_atom(local) || local.len() > LOCAL_PART_MAX_BYTES {
            return Err(InvalidAddress::LocalPart);
        }
        if !is_host_name(domain) {
            return Err(InvalidAddress::Domain);
        }
        Ok(Self { text: format!("{local}@{}", domain.to_ascii_lowercase()), at })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn domain(&self) -> &str {
        &self.text[self.at + 1..]
    }

    /// The form under which suppressions are kept: case does not save anyone from a complaint.
    pub fn suppression_key(&self) -> String {
        self.text.to_ascii_lowercase()
    }
}

/// Shows no more than the domain, so that a stray `{:?}` in a log names nobody.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "…@{}", self.domain())
    }
}

fn is_dot_atom(local: &str) -> bool {
    local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atom_byte))
}

fn is_atom_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

/// A dotted DNS name: what may stand behind an `@`, or name an SMTP server.
pub fn is_host_name(name: &str) -> bool {
    name.len() <= DOMAIN_MAX_BYTES
        && name.contains('.')
        && name.split('.').all(is_label)
        && !name.split('.').next_back().is_some_and(is_number)
}

fn is_label(label: &str) -> bool {
    (1..=LABEL_MAX_BYTES).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_number(label: &str) -> bool {
    label.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_addresses_are_accepted_and_their_domain_lowered() {
        let address = Address::parse("Ann.Lee+news@Example.COM").expect("valid");
        assert_eq!(address.as_str(), "Ann.Lee+news@example.com");
        assert_eq!(address.domain(), "example.com");
        assert_eq!(address.suppression_key(), "ann.lee+news@example.com");
        assert_eq!(format!("{address:?}"), "…@example.com");
    }

    #[test]
    fn what_could_not_be_written_in_an_envelope_is_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        for (text, why) in [
            ("ann", InvalidAddress::NoAt),
            ("@example.com", InvalidAddress::LocalPart),
            ("a..b@example.com", InvalidAddress::LocalPart),
            ("a b@example.com", InvalidAddress::LocalPart),
            ("\"a b\"@example.com", InvalidAddress::LocalPart),
            ("a@b@example.com", InvalidAddress::LocalPart),
            ("ann\r\nRCPT TO:<x@y.z>@example.com", InvalidAddress::LocalPart),
            (long.as_str(), InvalidAddress::LocalPart),
            ("ann@localhost", InvalidAddress::Domain),
            ("ann@example..com", InvalidAddress::Domain),
            ("ann@-a.com", InvalidAddress::Domain),
            ("ann@127.0.0.1", InvalidAddress::Domain),
            ("ann@example.com\r\n", InvalidAddress::Domain),
            ("änn@example.com", InvalidAddress::NotAscii),
        ] {
            assert_eq!(Address::parse(text), Err(why), "{text:?}");
        }
    }
}
