//! Answers that come late or mean nothing.

use domain::messages::MessageState;
use e2e::System;
use testkit::Sink;
use testkit::sink::{Action, Moment};

use super::{connection, send, until_deferred, view};

#[tokio::test]
async fn s3_a_late_250_is_never_taken_for_the_next_mails_answer() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _worker = system.work()?;
    // The test's patience after the final dot is 2 s.
    system.sink.rule(Moment::Dot, None, Some(1), Action::AcceptAfterMs(3_000))?;
    let late = system.message("ann@recipients.example").await?;
    system.until_state(late, MessageState::Uncertain).await;
    system.sink.rule(Moment::Dot, Some("bob@"), Some(1), Action::Reply("554 5.7.1 no".to_owned()))?;
    let next = system.message("bob@recipients.example").await?;
    system.until_state(next, MessageState::Failed).await;
    let third = system.message("cat@recipients.example").await?;
    system.until_state(third, MessageState::Accepted).await;
    assert_ne!(connection(&system, late)?, connection(&system, third)?);
    assert_eq!([late, next, third].map(|message| system.taken(message).unwrap_or(9)), [1, 0, 1]);
    Ok(())
}

#[tokio::test]
async fn s7_only_250_is_success_and_nonsense_is_uncertain() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _worker = system.work()?;
    let long_line = format!("250 {}\r\n", "x".repeat(1024 * 1024));
    let many_lines = format!("{}250 fine\r\n", "250-and\r\n".repeat(3));
    let raw = |text: &str| Action::AcceptReplyingRaw(text.to_owned());
    let line = |text: &str| Action::AcceptReplying(text.to_owned());
    use MessageState::{Accepted, Uncertain};
    for (name, answer, wanted) in [
        ("354", line("354 go on"), Uncertain),
        ("251", line("251 forwarded"), Uncertain),
        ("299", line("299 what"), Uncertain),
        ("999", line("999 nonsense"), Uncertain),
        ("no code", line("hello"), Uncertain),
        ("half a code", line("2"), Uncertain),
        ("250", line("250 fine"), Accepted),
        ("several lines", raw(&many_lines), Accepted),
        ("lines that disagree", raw("250-fine\r\n550 not fine\r\n"), Uncertain),
        ("a line without an end", raw("250 fine"), Uncertain),
        ("not UTF-8", raw("250 \u{ff}\u{fe}\u{80}\r\n"), Uncertain),
        ("a NUL", raw("250 a\u{0}b\r\n"), Accepted),
        ("a line of 1 MiB", raw(&long_line), Uncertain),
    ] {
        system.sink.rule(Moment::Dot, None, Some(1), answer)?;
        let message = system.message("ann@recipients.example").await?;
        testkit::until(&format!("{name}: it is known or shown"), async || {
            Ok(matches!(system.state(message).await?, Accepted | Uncertain | MessageState::Failed))
        })
        .await;
        assert_eq!(system.state(message).await?, wanted, "{name}");
        assert_eq!(system.taken(message)?, 1, "{name}");
        let shown = view(&system, message).await?;
        assert!(shown.attempts.iter().all(|attempt| attempt.reply.as_ref().is_none_or(|reply| reply.len() <= 2_000)));
    }
    system.judge().await?;
    Ok(())
}

#[tokio::test]
async fn s7_nonsense_before_the_content_sends_nothing() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _worker = system.work()?;
    let mut tried = Vec::new();
    for moment in [Moment::Connect, Moment::Ehlo, Moment::Mail, Moment::Data] {
        for nonsense in ["what?\r\n", "999 what\r\n", "250\u{ff}\u{fe}\r\n", "25"] {
            let sink = Sink::start()?;
            sink.rule(moment, None, Some(1), Action::ReplyRaw(nonsense.to_owned()))?;
            let sender = system.build.sender(system.tenant, sink.smtp).await?;
            let message = send(&system, sender, "ann@recipients.example").await?;
            tried.push((sink, message, format!("{moment:?} {nonsense:?}")));
        }
    }
    for (sink, message, when) in &tried {
        until_deferred(&system, *message, when).await;
        assert_eq!(sink.accepted()?.len(), 0, "{when}");
    }
    Ok(())
}

#[tokio::test]
async fn s7_a_reply_that_never_ends_is_given_up_and_not_collected() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _worker = system.work()?;
    // No line ends in it, so that only its length tells.
    let flood = "x".repeat(1024 * 1024);
    for moment in [Moment::Connect, Moment::Mail] {
        let sink = Sink::start()?;
        sink.rule(moment, None, Some(1), Action::ReplyRaw(flood.clone()))?;
        let sender = system.build.sender(system.tenant, sink.smtp).await?;
        let message = send(&system, sender, "ann@recipients.example").await?;
        until_deferred(&system, message, &format!("{moment:?}")).await;
        let told = view(&system, message).await?.attempts.remove(0).reply.unwrap_or_default();
        assert!(told.contains("longer than 64 KiB"), "{moment:?}: {told}");
    }
    Ok(())
}
