//! Whatever is said in a mail, it has the headers that we write and those that were asked for.

use std::collections::BTreeSet;

use e2e::System;
use mail_parser::MessageParser;
use proptest::prelude::*;
use providers::{Mail, compose};
use serde_json::json;

/// The words of strangers, with what separates lines and headers thrown in.
fn words() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[ -~]{0,12}",
        "\\PC{0,6}",
        Just("\r\nBcc: eve@example.com".to_owned()),
        Just("\nX-Evil: 1".to_owned()),
        Just("\r\n\r\nbody".to_owned()),
        Just("\u{2028}Bcc: eve@example.com\u{85}".to_owned()),
        Just("=?utf-8?Q?=0D=0ABcc:_eve@example.com?=".to_owned()),
        Just("\0\u{b}\u{c}".to_owned()),
        Just("\" <eve@example.com>, \\".to_owned()),
        Just("x".repeat(200)),
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

/// Names of header lines as an independent reader sees them, and how many parts the mail has.
fn read(bytes: &[u8]) -> (Vec<String>, usize) {
    let parsed = MessageParser::default().parse(bytes).expect("a mail");
    let names = parsed.headers().iter().map(|header| header.name.as_str().to_ascii_lowercase()).collect();
    (names, parsed.parts.len())
}

const ALWAYS: [&str; 6] = ["date", "message-id", "from", "to", "subject", "mime-version"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn e4_no_words_ever_become_a_header(
        subject in words(), name in prop::option::of(words()), html in prop::option::of(words()), text in words(),
        value in "[ -~]{0,60}", reply_to in any::<bool>(),
    ) {
        let mail = Mail {
            message_id: "msg_1",
            from_address: "ann@example.com",
            from_name: name.as_deref(),
            to: "bob@example.org",
            reply_to: reply_to.then_some("help@example.com"),
            subject: &subject,
            html: html.as_deref(),
            text: Some(&text),
            headers: vec![("X-Campaign".to_owned(), value)],
            date: chrono::DateTime::UNIX_EPOCH,
        };
        let Ok(bytes) = compose(&mail) else { return Ok(()) };
        let (names, parts) = read(bytes.as_bytes());
        let found: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let mut wanted = BTreeSet::from(ALWAYS);
        wanted.extend(["x-campaign", "content-type"]);
        wanted.extend(reply_to.then_some("reply-to"));
        wanted.extend(html.is_none().then_some("content-transfer-encoding"));
        prop_assert_eq!(found, wanted);
        prop_assert_eq!(names.iter().filter(|name| *name == "subject").count(), 1);
        prop_assert_eq!(parts, if html.is_some() { 3 } else { 1 });
        prop_assert!(bytes.is_ascii());
        let parsed = MessageParser::default().parse(&bytes).expect("a mail");
        let to: Vec<_> = parsed.to().into_iter().flat_map(|to| to.iter()).filter_map(|one| one.address()).collect();
        prop_assert_eq!(to, ["bob@example.org"]);
        let from: Vec<_> = parsed.from().into_iter().flat_map(|from| from.iter()).filter_map(|one| one.address()).collect();
        prop_assert_eq!(from, ["ann@example.com"]);
    }
}

#[tokio::test]
async fn e4_merge_data_from_a_request_never_becomes_a_header_on_the_wire() -> anyhow::Result<()> {
    let system = System::start().await?;
    system.sink.keep_headers()?;
    let (client, _worker) = (system.serve().await?, system.work()?);
    let evil = [
        "Ann\r\nBcc: eve@example.com",
        "Ann\nX-Evil: 1\n\nbody",
        "Ann\u{2028}Bcc: eve@example.com",
        "=?utf-8?Q?=0D=0ABcc:_eve@example.com?=",
        "\u{85}\u{b}\u{c}",
        "x\r\n.\r\nMAIL FROM:<eve@example.com>\r\n",
    ];
    for name in evil {
        let body = json!({
            "sender": system.sender, "to": "ann@recipients.example", "subject": "Hi {{{name}}}", "text": "{{{name}}}",
            "html": "<p>{{{name}}}</p>", "data": {"name": name}, "headers": {"X-Campaign": "spring"}, "tags": ["spring"],
        });
        let (status, answer) = client.post("/v1/messages", &body).await?;
        assert_eq!(status.as_u16(), 202, "{answer}");
    }
    system.until_settled().await;
    assert_eq!(system.judge().await?.get("accepted"), Some(&evil.len()));
    let mut wanted: Vec<String> = ALWAYS.into_iter().chain(["x-campaign", "content-type"]).map(str::to_owned).collect();
    wanted.sort();
    for event in system.sink.events()?.into_iter().filter(|event| event.event == "accepted") {
        let mut names: Vec<String> = event.headers.iter().map(|name| name.to_ascii_lowercase()).collect();
        names.sort();
        assert_eq!(names, wanted);
        assert_eq!(event.from.as_deref(), Some("sender@example.com"));
    }
    Ok(())
}
