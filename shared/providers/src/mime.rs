//! The text of a mail.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};

/// A mail, rendered.
#[derive(Debug, Clone)]
pub struct Mail<'a> {
    /// Derived from the message's id, so that every answer to it can be told to belong to it.
    pub message_id: &'a str,
    pub from_address: &'a str,
    pub from_name: Option<&'a str>,
    pub to: &'a str,
    pub reply_to: Option<&'a str>,
    pub subject: &'a str,
    pub html: Option<&'a str>,
    pub text: Option<&'a str>,
    pub headers: Vec<(String, String)>,
    pub date: DateTime<Utc>,
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ComposeError(String);

/// Writes a mail, all in ASCII. The same mail gives the same text.
pub fn compose(mail: &Mail<'_>) -> Result<String, ComposeError> {
    let domain = mail.from_address.rsplit('@').next().unwrap_or_default();
    let mut builder = Message::builder()
        .date(SystemTime::from(mail.date))
        .message_id(Some(format!("<{}@{domain}>", mail.message_id)))
        .from(mailbox("from", mail.from_address, mail.from_name)?)
        .to(mailbox("to", mail.to, None)?)
        .subject(mail.subject);
    if let Some(reply_to) = mail.reply_to {
        builder = builder.reply_to(mailbox("reply_to", reply_to, None)?);
    }
    let text = |text: &str| SinglePart::builder().header(ContentType::TEXT_PLAIN).body(text.to_owned());
    let html = |html: &str| SinglePart::builder().header(ContentType::TEXT_HTML).body(html.to_owned());
    let built = match (mail.text, mail.html) {
        (Some(plain), Some(rich)) => {
            let parts = MultiPart::alternative().boundary(format!("pf_{}", mail.message_id));
            builder.multipart(parts.singlepart(text(plain)).singlepart(html(rich)))
        }
        (Some(plain), None) => builder.singlepart(text(plain)),
        (None, Some(rich)) => builder.singlepart(html(rich)),
        (None, None) => return Err(ComposeError("a mail needs a body".into())),
    };
    let mut message = built.map_err(|error| ComposeError(error.to_string()))?;
    for (name, value) in &mail.headers {
        let name = HeaderName::new_from_ascii(name.clone()).map_err(|error| ComposeError(error.to_string()))?;
        message.headers_mut().insert_raw(HeaderValue::new(name, value.clone()));
    }
    String::from_utf8(message.formatted()).map_err(|error| ComposeError(error.to_string()))
}

fn mailbox(field: &str, address: &str, name: Option<&str>) -> Result<Mailbox, ComposeError> {
    let address = address.parse().map_err(|_| ComposeError(format!("{field} is not an address")))?;
    // lettre panics at a name that does not stay on its line.
    if !name.is_none_or(domain::messages::headers::is_header_text) {
        return Err(ComposeError(format!("{field} has a name with line breaks or control characters")));
    }
    Ok(Mailbox::new(name.map(str::to_owned), address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> Mail<'static> {
        Mail {
            message_id: "msg_1",
            from_address: "ann@example.com",
            from_name: Some("Ann \u{201c}A\u{201d} Lee"),
            to: "bob@example.org",
            reply_to: Some("help@example.com"),
            subject: "Größe\u{2026} and more",
            html: Some("<p>é</p>"),
            text: Some("é\r\n.\r\nnot the end"),
            headers: vec![("X-Campaign".into(), "spring".into())],
            date: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_same_mail_gives_the_same_ascii_bytes() {
        let text = compose(&mail()).expect("composes");
        assert_eq!(text, compose(&mail()).expect("composes"));
        assert!(text.is_ascii(), "so that no 8BITMIME is needed");
        for line in ["Message-ID: <msg_1@example.com>", "Date: Thu, 01 Jan 1970 00:00:00 +0000", "X-Campaign: spring"] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        assert!(text.lines().all(|line| line.len() <= 998));
    }

    #[test]
    fn rendered_text_cannot_become_a_header() {
        let subject = "Hi\r\nBcc: eve@example.com";
        let text = compose(&Mail { subject, ..mail() }).expect("composes");
        let head = text.split("\r\n\r\n").next().expect("a head");
        assert!(!head.lines().any(|line| line.to_ascii_lowercase().starts_with("bcc")), "{head}");
    }
}
