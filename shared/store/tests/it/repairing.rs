use std::collections::HashSet;

use domain::messages::MessageState;
use domain::messages::resolve_uncertain::HandVerdict;
use store::messages::{CancelFilter, Expectation, FailedFilter, HandAnswer, MessageFilter, OutcomeRow, OutcomeState};

use crate::setup::Setup;

/// One message that failed for certain.
async fn failed(setup: &Setup) -> anyhow::Result<domain::ids::MessageId> {
    let (message, attempt) = setup.committing().await?;
    let row = OutcomeRow {
        message,
        place: None,
        expect: Expectation::Attempt(attempt),
        state: OutcomeState::Failed,
        charged: true,
        outcome: "refused",
        phase: None,
        class: Some("mailbox"),
        reply: Some("550 no".to_owned()),
        suppress: None,
    };
    assert_eq!(setup.store.messages().record_outcomes(setup.worker, &[row]).await?, HashSet::from([message]));
    Ok(message)
}

#[tokio::test]
async fn a_failed_message_is_tried_anew_and_one_that_may_have_been_sent_is_not() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let message = failed(&setup).await?;
    let (doubtful, _) = setup.committing().await?;
    setup.database.advance(std::time::Duration::from_secs(660)).await?;
    setup.store.messages().expire_commits(setup.term, 100).await?;
    let word =
        setup.store.messages().resolve_by_hand(setup.tenant, doubtful, HandVerdict::Unknown, "key_1", 1_200).await?;
    assert_eq!(word, HandAnswer::Resolved(MessageState::Unknown));

    let other = FailedFilter { class: Some("network".to_owned()), ..FailedFilter::default() };
    assert_eq!(setup.store.messages().retry_failed(setup.tenant, &other, None).await?.messages, 0);
    let page = setup.store.messages().retry_failed(setup.tenant, &FailedFilter::default(), None).await?;
    assert_eq!((page.messages, page.next), (1, None));
    let view = setup.store.messages().find_message(setup.tenant, message).await?.expect("it exists");
    assert_eq!((view.state, view.tries), (MessageState::Scheduled, 0));
    assert_eq!(view.attempts.last().expect("a history").outcome, "retried_by_hand");
    assert_eq!(setup.state(doubtful).await?, "unknown");
    Ok(())
}

#[tokio::test]
async fn cleared_failures_no_longer_count_and_stay_what_they_are() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let message = failed(&setup).await?;
    let failures = async || -> anyhow::Result<i64> {
        Ok(setup.store.messages().queue_status(setup.tenant).await?.iter().map(|row| row.counts.failed_24h).sum())
    };
    assert_eq!(failures().await?, 1);
    let stranger = setup.build.tenant().await?;
    assert_eq!(setup.store.messages().clear_failed(stranger, &FailedFilter::default(), None).await?.messages, 0);
    assert_eq!(setup.store.messages().clear_failed(setup.tenant, &FailedFilter::default(), None).await?.messages, 1);
    assert_eq!(failures().await?, 0);
    assert_eq!(setup.state(message).await?, "failed");
    assert_eq!(setup.store.messages().clear_failed(setup.tenant, &FailedFilter::default(), None).await?.messages, 0);
    Ok(())
}

#[tokio::test]
async fn an_uncertain_message_is_not_sent_again_while_its_first_try_may_still_arrive() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let (message, _) = setup.committing().await?;
    let word =
        async |verdict| setup.store.messages().resolve_by_hand(setup.tenant, message, verdict, "me", 1_200).await;
    assert_eq!(word(HandVerdict::Accepted).await?, HandAnswer::NotUncertain(MessageState::Committing));
    setup.database.advance(std::time::Duration::from_secs(661)).await?;
    setup.store.messages().expire_commits(setup.term, 100).await?;
    assert_eq!(setup.state(message).await?, "uncertain");
    let answer = word(HandVerdict::Resend).await?;
    assert!(matches!(answer, HandAnswer::TooEarly(1..=1_200)), "{answer:?}");
    setup.database.advance(std::time::Duration::from_secs(1_201)).await?;
    assert_eq!(word(HandVerdict::Resend).await?, HandAnswer::Resolved(MessageState::Scheduled));
    let stranger = setup.build.tenant().await?;
    let theirs = setup.store.messages().resolve_by_hand(stranger, message, HandVerdict::Accepted, "me", 0).await?;
    assert_eq!(theirs, HandAnswer::Missing);
    Ok(())
}

#[tokio::test]
async fn a_walk_calls_off_what_fits_and_nothing_else() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let other = setup.build.sender(setup.tenant, "127.0.0.1:2525".parse()?).await?;
    let mut rows = Vec::new();
    for (sender, tag) in [(setup.sender, "spring"), (setup.sender, "summer"), (other, "spring")] {
        let mut row = setup.build.message(sender, "ann@recipients.example");
        row.message.tags = vec![tag.to_owned()];
        rows.push(row);
    }
    setup.store.messages().enqueue_messages(setup.tenant, &rows).await?;
    let (committed, _) = {
        let fed = setup.feed(1, 1).await?;
        let claim = setup.claim(fed[0].message, fed[0].job).await?;
        setup.commit(&[claim]).await?;
        (fed[0].message, ())
    };
    assert_eq!(committed, rows[0].id);
    let messages = setup.store.messages();
    let from = messages.oldest_unsent(setup.tenant, None).await?.expect("some are unsent");
    let spring = CancelFilter { tag: Some("spring".to_owned()), sender: None };
    let page = messages.cancel_matching(setup.tenant, &spring, from).await?;
    assert_eq!((page.canceled, page.next), (1, None), "the first is past the point of no return");
    assert_eq!(setup.state(rows[1].id).await?, "scheduled");
    assert_eq!(setup.state(rows[2].id).await?, "canceled");
    let theirs = CancelFilter { sender: Some(setup.sender), tag: None };
    assert_eq!(messages.cancel_matching(setup.tenant, &theirs, from).await?.canceled, 1);
    assert_eq!(messages.oldest_unsent(setup.tenant, None).await?, None);
    Ok(())
}

#[tokio::test]
async fn pages_of_messages_are_complete_and_in_order_whatever_is_asked_for() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let ids = setup.build.scheduled(setup.tenant, setup.sender, 25).await?;
    let stranger = setup.build.tenant().await?;
    let gone = failed(&setup).await?;
    let messages = setup.store.messages();
    for filter in [
        MessageFilter::default(),
        MessageFilter { sender: Some(setup.sender), ..MessageFilter::default() },
        MessageFilter { state: Some(MessageState::Scheduled), ..MessageFilter::default() },
    ] {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = messages.list_messages(setup.tenant, &filter, before, 7).await?;
            seen.extend(page.messages.iter().map(|message| message.id));
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert!(seen.is_sorted_by(|one, other| one > other), "newest first, each once");
        let expected = if filter.state.is_some() { 25 } else { 26 };
        assert_eq!(seen.len(), expected, "{filter:?}");
        assert!(messages.list_messages(stranger, &filter, None, 7).await?.messages.is_empty());
    }
    let only = |state| MessageFilter { state: Some(state), ..MessageFilter::default() };
    let found = messages.list_messages(setup.tenant, &only(MessageState::Failed), None, 7).await?;
    assert_eq!(found.messages.iter().map(|message| message.id).collect::<Vec<_>>(), [gone]);
    let to = MessageFilter { to: Some("r3@recipients.example".to_owned()), ..MessageFilter::default() };
    assert_eq!(messages.list_messages(setup.tenant, &to, None, 7).await?.messages.len(), 1);
    assert!(ids.contains(&messages.list_messages(setup.tenant, &to, None, 7).await?.messages[0].id));
    Ok(())
}
