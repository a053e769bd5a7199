//! Headers that a caller may add to a message.

use std::collections::BTreeMap;

const NAME_MAX_BYTES: usize = 64;
const VALUE_MAX_BYTES: usize = 900;
/// Most extra headers of one message.
pub const HEADERS_MAX: usize = 20;

/// Headers that are ours to write: a second one would contradict the first, or let a caller speak as someone else.
const RESERVED: [&str; 17] = [
    "from",
    "to",
    "cc",
    "bcc",
    "sender",
    "subject",
    "date",
    "message-id",
    "reply-to",
    "return-path",
    "received",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "dkim-signature",
    "content-disposition",
    "resent-from",
];

/// What is wrong with a map of headers: the name as given, and the problem.
pub fn check(headers: &BTreeMap<String, String>) -> Result<(), (String, &'static str)> {
    if headers.len() > HEADERS_MAX {
        return Err((String::new(), "at most 20 headers can be added"));
    }
    for (name, value) in headers {
        let problem = if !is_name(name) {
            "a header name has letters, digits and hyphens only, at most 64"
        } else if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
            "this header is written by Postfleet and cannot be set"
        } else if value.len() > VALUE_MAX_BYTES {
            "a header value has at most 900 bytes"
        } else if !is_header_text(value) {
            "a header value has no line breaks or control characters"
        } else if !value.is_ascii() {
            "a header value is ASCII"
        } else {
            continue;
        };
        return Err((name.clone(), problem));
    }
    Ok(())
}

/// Text that stays one header line: no control characters and no Unicode line separators.
pub fn is_header_text(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
}

fn is_name(name: &str) -> bool {
    (1..=NAME_MAX_BYTES).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(name: &str, value: &str) -> Result<(), (String, &'static str)> {
        check(&BTreeMap::from([(name.to_owned(), value.to_owned())]))
    }

    #[test]
    fn a_plain_extra_header_is_accepted() {
        assert_eq!(checked("X-Campaign", "spring 2026"), Ok(()));
        assert_eq!(checked("List-Unsubscribe", "<https://example.com/u/1>"), Ok(()));
    }

    #[test]
    fn nothing_can_smuggle_or_replace_a_header() {
        for (name, value) in [
            ("X-A", "one\r\nBcc: eve@example.com"),
            ("X-A", "one\u{2028}Bcc: eve@example.com"),
            ("X-A", "nul\0"),
            ("X-A\r\nBcc", "eve@example.com"),
            ("X A", "b"),
            ("", "b"),
            ("Bcc", "eve@example.com"),
            ("SUBJECT", "b"),
            ("X-A", "é"),
        ] {
            assert!(checked(name, value).is_err(), "{name:?}: {value:?}");
        }
    }
}
