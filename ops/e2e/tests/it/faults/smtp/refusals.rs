//! A server's "no", of every class.

use std::time::Duration;

use domain::address::Address;
use domain::limits::{BucketKey, RefusedBy};
use domain::messages::MessageState;
use e2e::System;
use testkit::sink::{Action, Moment};
use testkit::until;

use super::view;

fn reply(text: &str) -> Action {
    Action::Reply(text.to_owned())
}

#[tokio::test]
async fn s5_a_provider_that_throttles_parks_its_sender_for_the_whole_fleet_and_nobody_else() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (_one, _other) = (system.work()?, system.work()?);
    for (moment, answer) in [
        (Moment::Connect, "421 4.3.2 too busy"),
        (Moment::Mail, "421 4.3.2 too busy"),
        (Moment::Rcpt, "452 4.5.3 too many recipients"),
        (Moment::Rcpt, "421 4.3.2 closing"),
        (Moment::Data, "421 4.3.2 closing"),
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
async fn s6_a_temporary_refusal_at_any_moment_is_tried_again_and_sent_once() -> anyhow::Result<()> {
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
async fn s6_a_recipient_that_does_not_exist_fails_and_is_never_tried_again() -> anyhow::Result<()> {
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
async fn s6_a_refusal_of_the_mail_suppresses_nobody() -> anyhow::Result<()> {
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
async fn s6_every_class_of_refusal_does_what_it_means_and_only_a_dead_address_is_suppressed() -> anyhow::Result<()> {
    use MessageState::{Failed, Scheduled};
    let system = System::start().await?;
    let _worker = system.work()?;
    let mut sent = Vec::new();
    for (at, (moment, answer, class, state, suppressed)) in [
        (Moment::Rcpt, "450 4.7.1 greylisted", "greylisted", Scheduled, false),
        (Moment::Rcpt, "451 local error", "greylisted", Scheduled, false),
        (Moment::Rcpt, "452 4.2.2 over quota", "mailbox_full", Scheduled, false),
        (Moment::Rcpt, "552 5.2.2 over quota", "mailbox_full", Scheduled, false),
        (Moment::Dot, "552 5.3.4 too large", "mailbox_full", Scheduled, false),
        (Moment::Rcpt, "550 no such user", "invalid_recipient", Failed, false),
        (Moment::Rcpt, "556 5.1.10 null MX", "invalid_recipient", Failed, true),
        (Moment::Rcpt, "550 5.2.1 disabled", "inactive_mailbox", Failed, true),
        (Moment::Rcpt, "554 5.7.1 blocked", "policy", Failed, false),
        (Moment::Rcpt, "501 5.5.4 what is that", "protocol", Failed, false),
        (Moment::Dot, "554 no thank you", "policy", Failed, false),
    ]
    .into_iter()
    .enumerate()
    {
        let to = format!("case{at}x@recipients.example");
        system.sink.rule(moment, Some(&to), Some(1), reply(answer))?;
        sent.push((system.message(&to).await?, to, answer, class, state, suppressed));
    }
    for (message, to, answer, class, state, suppressed) in sent {
        until(&format!("{answer}: it is {state}"), async || {
            let view = view(&system, message).await?;
            Ok(view.tries == 1 && view.state == state)
        })
        .await;
        assert_eq!(view(&system, message).await?.last_class.as_deref(), Some(class), "{answer}");
        let kept = system.store.suppressions().contains(system.tenant, &Address::parse(&to)?).await?;
        assert_eq!(kept, suppressed, "{answer}");
        assert_eq!(system.taken(message)?, 0, "{answer}");
    }
    Ok(())
}

#[tokio::test]
async fn s9_of_many_recipients_only_the_refused_one_fails_for_each_has_a_mail_of_its_own() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _worker = system.work()?;
    system.sink.rule(Moment::Rcpt, Some("r7@"), None, reply("550 5.1.1 no such user"))?;
    let messages = system.build.scheduled(system.tenant, system.sender, 30).await?;
    system.until_settled().await;
    let counts = system.judge().await?;
    assert_eq!((counts.get("accepted"), counts.get("failed")), (Some(&29), Some(&1)), "{counts:?}");
    assert_eq!(system.state(messages[7]).await?, MessageState::Failed);
    let taken: Vec<_> = system.sink.events()?.into_iter().filter(|event| event.event == "accepted").collect();
    assert!(taken.iter().all(|event| event.recipients == 1), "one RCPT each");
    Ok(())
}
