//! Servers that say nothing, or a byte at a time. A test's patience is 2 s in every phase.

use std::time::Duration;

use domain::messages::MessageState;
use domain::senders::TlsMode;
use e2e::{System, WorkerSetup};
use testkit::sink::{Action, Moment};
use testkit::{Sink, SinkOptions};

use super::{connection, send, until_deferred};
use crate::securing::with_logins;

#[tokio::test]
async fn s1_a_server_that_hangs_before_data_frees_its_slot_and_nothing_is_doubtful() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _worker = system.work()?;
    let (mut sinks, mut messages) = (Vec::new(), Vec::new());
    for moment in [Moment::Connect, Moment::Ehlo, Moment::Mail, Moment::Rcpt, Moment::Data] {
        let sink = Sink::start()?;
        sink.rule(moment, None, Some(1), Action::Hang)?;
        let sender = system.build.sender(system.tenant, sink.smtp).await?;
        messages.push((moment, send(&system, sender, "ann@recipients.example").await?));
        sinks.push(sink);
    }
    for (moment, message) in &messages {
        until_deferred(&system, *message, &format!("{moment:?}")).await;
    }
    assert!(sinks.iter().all(|sink| sink.accepted().is_ok_and(|taken| taken.is_empty())));
    // The server is well again, and the sender's places are free.
    system.database.advance(Duration::from_secs(3_600)).await?;
    for (_, message) in messages {
        system.until_state(message, MessageState::Accepted).await;
    }
    assert!(sinks.iter().all(|sink| sink.accepted().is_ok_and(|taken| taken.len() == 1)));
    Ok(())
}

#[tokio::test]
async fn s1_a_server_that_hangs_on_its_way_to_tls_or_at_the_login_frees_its_slot() -> anyhow::Result<()> {
    let system = System::start().await?;
    let cases = [
        ("implicit", TlsMode::Tls, Moment::Tls),
        ("implicit", TlsMode::Tls, Moment::Connect),
        ("starttls", TlsMode::Starttls, Moment::Starttls),
        ("starttls", TlsMode::Starttls, Moment::Tls),
        ("starttls", TlsMode::Starttls, Moment::Auth),
    ];
    let mut sinks = Vec::new();
    for (offered, tls, moment) in cases {
        let options = SinkOptions { tls: Some(offered), login: Some("ann:hunter2"), ..SinkOptions::default() };
        let sink = Sink::start_with(&options)?;
        sink.rule(moment, None, Some(1), Action::Hang)?;
        sinks.push((sink, tls));
    }
    let at: Vec<_> = sinks.iter().map(|(sink, tls)| (sink, *tls)).collect();
    let (senders, setup) = with_logins(&system, &at, "hunter2").await?;
    let _worker = system.work_with(setup)?;
    let mut messages = Vec::new();
    for sender in senders {
        messages.push(send(&system, sender, "ann@recipients.example").await?);
    }
    for (message, (offered, _, moment)) in messages.iter().zip(cases) {
        until_deferred(&system, *message, &format!("{offered}, {moment:?}")).await;
    }
    assert!(sinks.iter().all(|(sink, _)| sink.accepted().is_ok_and(|taken| taken.is_empty())));
    system.database.advance(Duration::from_secs(3_600)).await?;
    for message in messages {
        system.until_state(message, MessageState::Accepted).await;
    }
    assert!(sinks.iter().all(|(sink, _)| sink.accepted().is_ok_and(|taken| taken.len() == 1)));
    Ok(())
}

#[tokio::test]
async fn s2_at_the_final_dot_a_late_answer_is_waited_for_and_none_at_all_is_uncertain() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _worker = system.work()?;
    system.sink.rule(Moment::Dot, Some("late@"), None, Action::AcceptAfterMs(1_000))?;
    system.sink.rule(Moment::Dot, Some("never@"), None, Action::Hang)?;
    let late = system.message("late@recipients.example").await?;
    system.until_state(late, MessageState::Accepted).await;
    let never = system.message("never@recipients.example").await?;
    system.until_state(never, MessageState::Uncertain).await;
    let next = system.message("next@recipients.example").await?;
    system.until_state(next, MessageState::Accepted).await;
    let hung = system
        .sink
        .events()?
        .iter()
        .find(|event| event.event == "dot" && event.to.as_deref() == Some("never@recipients.example"))
        .map(|event| event.connection);
    assert!(hung.is_some() && connection(&system, next)? != hung, "its connection is never used again");
    system.judge().await?;
    Ok(())
}

#[tokio::test]
async fn s10_a_byte_now_and_then_does_not_stretch_a_phase() -> anyhow::Result<()> {
    let system = System::start().await?;
    let worker = system.work_with(WorkerSetup::default())?;
    // Each byte comes well within the patience, the whole answer does not.
    let dribbling = Sink::start()?;
    dribbling.rule(Moment::Connect, None, Some(1), Action::SlowlyMs(250))?;
    let sender = system.build.sender(system.tenant, dribbling.smtp).await?;
    let deferred = send(&system, sender, "ann@recipients.example").await?;
    system.sink.rule(Moment::Dot, Some("bob@"), Some(1), Action::SlowlyMs(250))?;
    let doubtful = system.message("bob@recipients.example").await?;
    // Slow, and in time.
    let patient = Sink::start()?;
    patient.rule(Moment::Connect, None, None, Action::SlowlyMs(5))?;
    let sender = system.build.sender(system.tenant, patient.smtp).await?;
    let slow = send(&system, sender, "cat@recipients.example").await?;

    until_deferred(&system, deferred, "greeting").await;
    system.until_state(doubtful, MessageState::Uncertain).await;
    system.until_state(slow, MessageState::Accepted).await;
    assert_eq!((dribbling.accepted()?.len(), patient.accepted()?.len(), system.taken(doubtful)?), (0, 1, 1));
    worker.stop().await
}
