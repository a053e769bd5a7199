use domain::address::Address;
use domain::messages::MessageState;
use domain::suppressions::SuppressionReason;

use crate::setup::Setup;

#[tokio::test]
async fn a_repeated_dedupe_key_answers_with_the_first_message() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let mut first = setup.build.message(setup.sender, "ann@recipients.example");
    first.dedupe_hash = Some([1; 32]);
    let mut second = setup.build.message(setup.sender, "bob@recipients.example");
    second.dedupe_hash = Some([1; 32]);

    // Within one statement, and again later.
    let messages = setup.store.messages();
    let answers = messages.enqueue_messages(setup.tenant, &[first.clone(), second.clone()]).await?;
    assert_eq!((answers[0].id, answers[0].existing), (first.id, false));
    assert_eq!((answers[1].id, answers[1].existing), (first.id, true));
    let again = messages.enqueue_messages(setup.tenant, &[second]).await?;
    assert_eq!((again[0].id, again[0].existing), (first.id, true));

    // Another tenant's same key is another message.
    let other = setup.build.tenant().await?;
    let sender = setup.build.sender(other, "127.0.0.1:25".parse()?).await?;
    let mut theirs = setup.build.message(sender, "ann@recipients.example");
    theirs.dedupe_hash = Some([1; 32]);
    let answers = messages.enqueue_messages(other, &[theirs]).await?;
    assert!(!answers[0].existing);
    Ok(())
}

#[tokio::test]
async fn fifty_at_once_with_one_dedupe_key_make_one_message() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let tries = (0..50).map(|_| {
        let mut row = setup.build.message(setup.sender, "ann@recipients.example");
        row.dedupe_hash = Some([2; 32]);
        let (store, tenant) = (setup.store.clone(), setup.tenant);
        tokio::spawn(async move { store.messages().enqueue_messages(tenant, &[row]).await })
    });
    let mut answers = Vec::new();
    for tried in tries.collect::<Vec<_>>() {
        answers.extend(tried.await??);
    }
    assert_eq!(answers.iter().filter(|answer| !answer.existing).count(), 1);
    assert!(answers.iter().all(|answer| answer.id == answers[0].id));
    assert_eq!(setup.database.count("SELECT count(*) FROM messages").await?, 1);
    Ok(())
}

#[tokio::test]
async fn who_repeats_one_of_many_keys_gets_the_others_stored() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let keyed = |key: u8| {
        let mut row = setup.build.message(setup.sender, "ann@recipients.example");
        row.dedupe_hash = Some([key; 32]);
        row
    };
    let messages = setup.store.messages();
    let first = messages.enqueue_messages(setup.tenant, &[keyed(7)]).await?[0].id;
    // The first time nobody expects it; the second time it is.
    for keys in [[9, 7, 8], [11, 7, 10]] {
        let rows = keys.map(keyed);
        let answers = messages.enqueue_messages(setup.tenant, &rows).await?;
        let told: Vec<_> = answers.iter().map(|answer| (answer.id, answer.existing)).collect();
        assert_eq!(told, [(rows[0].id, false), (first, true), (rows[2].id, false)]);
    }
    assert_eq!(setup.database.count("SELECT count(*) FROM message_runs WHERE state = 'scheduled'").await?, 5);
    assert_eq!(setup.database.count("SELECT count(*) FROM messages").await?, 5);
    Ok(())
}

#[tokio::test]
async fn a_suppressed_recipient_is_stored_as_suppressed_even_where_a_job_was_reserved() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let address = Address::parse("Ann@Recipients.example")?;
    setup.build.suppress(setup.tenant, &address, SuppressionReason::Unsubscribe).await?;
    let mut row = setup.build.message(setup.sender, "aNN@recipients.example");
    row.job = Some(setup.ids.next());
    let answers = setup.store.messages().enqueue_messages(setup.tenant, &[row]).await?;
    assert_eq!(answers[0].state, MessageState::Suppressed);
    Ok(())
}

#[tokio::test]
async fn content_is_stored_once_however_many_use_it() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    setup.build.scheduled(setup.tenant, setup.sender, 2_500).await?;
    assert_eq!(setup.database.count("SELECT count(*) FROM contents").await?, 1);
    assert_eq!(setup.database.count("SELECT count(*) FROM messages").await?, 2_500);
    Ok(())
}

#[tokio::test]
async fn tags_headers_and_data_come_back_as_given() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let mut row = setup.build.message(setup.sender, "ann@recipients.example");
    row.message.tags = vec!["spring".into(), "a:b".into()];
    row.message.headers.insert("X-Campaign".into(), "spring".into());
    setup.store.messages().enqueue_messages(setup.tenant, std::slice::from_ref(&row)).await?;
    let view = setup.store.messages().find_message(setup.tenant, row.id).await?.expect("stored");
    assert_eq!(view.tags, row.message.tags);
    assert_eq!(view.headers, Some(serde_json::json!({"X-Campaign": "spring"})));
    assert_eq!(view.data, Some(serde_json::json!({"name": "Ann"})));
    Ok(())
}

#[tokio::test]
async fn another_tenant_finds_and_cancels_nothing() -> anyhow::Result<()> {
    let setup = Setup::new().await?;
    let id = setup.build.scheduled(setup.tenant, setup.sender, 1).await?[0];
    let stranger = setup.build.tenant().await?;
    let messages = setup.store.messages();
    assert!(messages.find_message(stranger, id).await?.is_none());
    assert_eq!(messages.cancel_message(stranger, id).await?, store::messages::CancelAnswer::Missing);
    assert!(messages.load_for_send(stranger, setup.sender, &[id]).await?.is_empty());
    assert!(setup.store.senders().account(stranger, setup.sender).await?.is_none());
    Ok(())
}
