use std::time::Duration;

use domain::address::Address;
use domain::limits::{BucketKey, RefusedBy};
use domain::messages::MessageState;
use e2e::System;
use testkit::sink::{Action, Moment};
use testkit::until;

fn reply(text: &str) -> Action {
    Action::Reply(text.to_owned())
}

#[tokio::test]
async fn a_recipient_that_does_not_exist_fails_and_is_never_tried_again() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _worker = system.work()?;
    system.sink.rule(Moment::Rcpt, Some("gone@"), None, reply("550 5.1.1 no such user"))?;
    let first = system.message("gone@recipients.example").await?;
    system.until_state(first, MessageState::Failed).await;
    assert!(system.store.suppressions().contains(system.tenant, &Address::parse("gone@recipients.example")?).await?);
    let second = system.message("gone@recipients.example").await?;
    assert_eq!(system.state(second).await?, MessageState::Suppressed);
    Ok(())
}

#[tokio::test]
async fn a_refusal_of_the_mail_suppresses_nobody() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _worker = system.work()?;
    system.sink.rule(Moment::Dot, Some("ann@"), Some(1), reply("554 5.7.1 looks like spam"))?;
    let refused = system.message("ann@recipients.example").await?;
    system.until_state(refused, MessageState::Failed).await;
    assert!(!system.store.suppressions().contains(system.tenant, &Address::parse("ann@recipients.example")?).await?);
    let next = system.message("ann@recipients.example").await?;
    system.until_state(next, MessageState::Accepted).await;
    assert_eq!(system.taken(refused)?, 0);
    Ok(())
}

#[tokio::test]
async fn a_temporary_refusal_at_any_moment_is_tried_again_and_sent_once() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _worker = system.work()?;
    for (moment, answer) in [
        (Moment::Mail, "451 4.3.0 not now"),
        (Moment::Rcpt, "450 4.7.1 greylisted"),
        (Moment::Data, "451 4.3.0 not now"),
        (Moment::Dot, "451 4.3.0 not now"),
    ] {
        system.sink.rule(moment, None, Some(1), reply(answer))?;
        // A fresh sender, so that its first connection meets the rule.
        let sender = system.build.sender(system.tenant, system.sink.smtp).await?;
        let row = system.build.message(sender, "ann@recipients.example");
        system.store.messages().enqueue_messages(system.tenant, std::slice::from_ref(&row)).await?;
        let tried = async || {
            let view = system.store.messages().find_message(system.tenant, row.id).await?.expect("stored");
            Ok(view.tries == 1 && view.state == MessageState::Scheduled)
        };
        until(&format!("{moment:?} {answer}: it waits for its next try"), tried).await;
        assert_eq!(system.taken(row.id)?, 0, "{moment:?} {answer}");
        system.database.advance(Duration::from_secs(3_600)).await?;
        system.until_state(row.id, MessageState::Accepted).await;
        assert_eq!(system.taken(row.id)?, 1, "{moment:?} {answer}");
    }
    Ok(())
}

#[tokio::test]
async fn a_provider_that_throttles_parks_its_sender_for_the_whole_fleet_and_nobody_else() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (_one, _other) = (system.work()?, system.work()?);
    for (moment, answer) in [
        (Moment::Connect, "421 4.3.2 too busy"),
        (Moment::Rcpt, "452 4.5.3 too many recipients"),
        (Moment::Dot, "421 4.3.2 closing"),
    ] {
        system.sink.rule(moment, None, Some(1), reply(answer))?;
        let sender = system.build.sender(system.tenant, system.sink.smtp).await?;
        let row = system.build.message(sender, "ann@recipients.example");
        system.store.messages().enqueue_messages(system.tenant, std::slice::from_ref(&row)).await?;
        until(&format!("{moment:?} {answer}: it waits and paid nothing"), async || {
            let view = system.store.messages().find_message(system.tenant, row.id).await?.expect("stored");
            Ok(view.state == MessageState::Scheduled && view.tries == 0 && view.last_class.is_some())
        })
        .await;
        // Whoever asks, wherever: the sender's bucket gives nothing.
        let parked = system.limits.look(system.tenant, &[BucketKey::Sender(sender)]).await?;
        let why = parked[0].as_ref().map(|refusal| refusal.why);
        assert_eq!(why, Some(RefusedBy::Pushback), "{moment:?} {answer}");
        system.database.advance(Duration::from_secs(60)).await?;
        let next = system.build.message(sender, "bob@recipients.example");
        system.store.messages().enqueue_messages(system.tenant, std::slice::from_ref(&next)).await?;
        let elsewhere = system.message("cat@recipients.example").await?;
        system.until_state(elsewhere, MessageState::Accepted).await;
        for waiting in [row.id, next.id] {
            assert_eq!(system.state(waiting).await?, MessageState::Scheduled, "{moment:?} {answer}");
            assert_eq!(system.taken(waiting)?, 0);
        }
    }
    Ok(())
}

#[tokio::test]
async fn after_six_tries_a_message_fails() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _worker = system.work()?;
    system.sink.rule(Moment::Rcpt, None, None, reply("451 4.7.1 greylisted for ever"))?;
    let message = system.message("ann@recipients.example").await?;
    for tries in 1..=6 {
        until(&format!("try {tries}"), async || {
            let view = system.store.messages().find_message(system.tenant, message).await?.expect("stored");
            Ok(view.tries == tries)
        })
        .await;
        system.database.advance(Duration::from_secs(3 * 3_600)).await?;
    }
    system.until_state(message, MessageState::Failed).await;
    let view = system.store.messages().find_message(system.tenant, message).await?.expect("stored");
    assert_eq!(view.attempts.len(), 6);
    assert_eq!(view.attempts[5].outcome, "gave_up");
    Ok(())
}

#[tokio::test]
async fn a_server_that_hangs_before_data_frees_its_slot_and_nothing_is_doubtful() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _worker = system.work()?;
    for moment in [Moment::Connect, Moment::Ehlo, Moment::Mail, Moment::Rcpt, Moment::Data] {
        system.sink.rule(moment, None, Some(1), Action::Hang)?;
        let sender = system.build.sender(system.tenant, system.sink.smtp).await?;
        let row = system.build.message(sender, "ann@recipients.example");
        system.store.messages().enqueue_messages(system.tenant, std::slice::from_ref(&row)).await?;
        until(&format!("{moment:?}: it waits for its next try"), async || {
            let view = system.store.messages().find_message(system.tenant, row.id).await?.expect("stored");
            Ok(view.state == MessageState::Scheduled && view.tries == 1)
        })
        .await;
    }
    assert_eq!(system.sink.accepted()?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_sender_whose_own_fault_repeats_is_paused_and_its_recipients_are_spared() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _worker = system.work()?;
    system.sink.rule(Moment::Mail, None, None, reply("553 5.1.8 your domain does not exist"))?;
    let messages = [
        system.message("a@recipients.example").await?,
        system.message("b@recipients.example").await?,
        system.message("c@recipients.example").await?,
    ];
    let paused = "SELECT count(*) FROM senders WHERE pause_reason = 'sender_rejected'";
    until("the sender is paused", async || Ok(system.database.count(paused).await? == 1)).await;
    for message in messages {
        system.until_state(message, MessageState::Scheduled).await;
    }
    assert_eq!(system.database.count("SELECT count(*) FROM suppressions").await?, 0);
    Ok(())
}
