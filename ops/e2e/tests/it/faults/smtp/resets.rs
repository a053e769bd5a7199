//! Connections that are reset.

use std::sync::Arc;

use domain::messages::MessageState;
use e2e::System;
use testkit::proxy::Fault;
use testkit::sink::{Action, Moment};
use testkit::{FaultProxy, Sink, until};

use super::{send, until_deferred, view};

#[tokio::test]
async fn s4_a_reset_before_the_content_is_no_doubt() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _worker = system.work()?;
    for moment in [Moment::Connect, Moment::Ehlo, Moment::Rcpt, Moment::Data] {
        let sink = Sink::start()?;
        sink.rule(moment, None, Some(1), Action::Reset)?;
        let sender = system.build.sender(system.tenant, sink.smtp).await?;
        let message = send(&system, sender, "ann@recipients.example").await?;
        until_deferred(&system, message, &format!("{moment:?}")).await;
        assert_eq!(sink.accepted()?.len(), 0, "{moment:?}");
    }
    Ok(())
}

#[tokio::test]
async fn s4_a_reset_in_the_middle_of_the_content_never_shows_as_sent() -> anyhow::Result<()> {
    let system = System::start().await?;
    let proxy = FaultProxy::before(system.sink.smtp).await?;
    let _worker = system.work()?;
    let sender = system.build.sender(system.tenant, proxy.address).await?;
    let mut row = system.build.message(sender, "ann@recipients.example");
    Arc::make_mut(&mut row.message.content).html = Some("x".repeat(200_000));
    proxy.set(Fault { reset_after: Some(50_000), ..Fault::default() });
    system.store.messages().enqueue_messages(system.tenant, std::slice::from_ref(&row)).await?;
    proxy.until_done("the connection was reset", |done| done.resets == 1).await;
    // Whether the final dot had been handed to the kernel by then is a race; where it had, nobody can know.
    until("it was tried, and its fate is known", async || {
        let view = view(&system, row.id).await?;
        Ok(view.tries == 1 && matches!(view.state, MessageState::Scheduled | MessageState::Uncertain))
    })
    .await;
    assert_eq!(system.taken(row.id)?, 0);
    Ok(())
}

#[tokio::test]
async fn s4_a_reset_after_the_final_dot_is_uncertain_whether_it_was_taken_or_not() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _worker = system.work()?;
    system.sink.rule(Moment::Dot, Some("taken@"), None, Action::AcceptAndReset)?;
    system.sink.rule(Moment::Dot, Some("dropped@"), None, Action::Reset)?;
    system.sink.rule(Moment::Dot, Some("closed@"), None, Action::AcceptAndClose)?;
    for (to, count) in [("taken@", 1), ("dropped@", 0), ("closed@", 1)] {
        let message = system.message(&format!("{to}recipients.example")).await?;
        system.until_state(message, MessageState::Uncertain).await;
        assert_eq!(system.taken(message)?, count, "{to}");
    }
    let next = system.message("next@recipients.example").await?;
    system.until_state(next, MessageState::Accepted).await;
    system.judge().await?;
    Ok(())
}
