use std::time::Duration;

use domain::address::Address;
use domain::messages::MessageState;
use domain::suppressions::SuppressionReason;
use e2e::System;
use serde_json::json;
use testkit::until;

#[tokio::test]
async fn a_message_goes_from_http_to_a_mailbox_and_its_history_tells() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (client, _worker) = (system.serve().await?, system.work()?);
    let body = json!({
        "sender": system.sender, "to": "ann@recipients.example", "subject": "Hi {{name}}",
        "html": "<p>Hi {{name}}</p>", "text": "Hi {{name}}", "data": {"name": "Ann & Co"},
        "headers": {"X-Campaign": "spring"}, "tags": ["spring"], "reply_to": "help@example.com",
    });
    let (status, accepted) = client.post("/v1/messages", &body).await?;
    assert_eq!(status, 202, "{accepted}");
    let id = accepted["id"].as_str().expect("an id").to_owned();
    until("it is accepted", async || Ok(client.get(&format!("/v1/messages/{id}")).await?.1["state"] == "accepted"))
        .await;

    let (_, message) = client.get(&format!("/v1/messages/{id}")).await?;
    assert_eq!(message["attempts"].as_array().map(Vec::len), Some(1), "{message}");
    assert_eq!(message["attempts"][0]["outcome"], "accepted");
    assert_eq!(message["attempts"][0]["reply"], "2.0.0 taken");
    assert!(message["attempts"][0]["worker"].as_str().is_some_and(|worker| worker.starts_with("wrk_")));
    assert_eq!(system.taken(id.parse()?)?, 1);
    Ok(())
}

#[tokio::test]
async fn a_thousand_messages_are_each_taken_once_and_nothing_is_left_in_redis() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _workers = [system.work()?, system.work()?];
    system.build.scheduled(system.tenant, system.sender, 1_000).await?;
    system.until_settled().await;
    assert_eq!(system.judge().await?.get("accepted"), Some(&1_000));
    until("only the pulse and the caps are left in Redis", async || {
        let names: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut system.redis.client()?)?;
        Ok(names.iter().all(|name| name.ends_with(":pulse") || name.ends_with(":caps")))
    })
    .await;
    Ok(())
}

#[tokio::test]
async fn a_message_for_later_waits_for_its_time() -> anyhow::Result<()> {
    let system = System::start().await?;
    let (client, _worker) = (system.serve().await?, system.work()?);
    let later = system.store.fleet().state().await?.now + Duration::from_secs(3_600);
    let body =
        json!({"sender": system.sender, "to": "ann@recipients.example", "subject": "s", "text": "t", "send_at": later});
    let (_, accepted) = client.post("/v1/messages", &body).await?;
    assert_eq!(accepted["state"], "scheduled");
    let sooner = system.message("bob@recipients.example").await?;
    system.until_state(sooner, MessageState::Accepted).await;
    let id = accepted["id"].as_str().expect("an id").parse()?;
    assert_eq!(system.state(id).await?, MessageState::Scheduled);
    system.database.advance(Duration::from_secs(3_601)).await?;
    system.until_state(id, MessageState::Accepted).await;
    Ok(())
}

#[tokio::test]
async fn who_unsubscribes_while_messages_wait_gets_none_of_them() -> anyhow::Result<()> {
    let system = System::start().await?;
    let mut rows = Vec::new();
    for at in 0..50 {
        rows.push(system.message(&format!("ann@d{}.example", at % 2)).await?);
    }
    let address = Address::parse("Ann@d0.example")?;
    system.build.suppress(system.tenant, &address, SuppressionReason::Unsubscribe).await?;
    let _worker = system.work()?;
    system.until_settled().await;
    let counts = system.judge().await?;
    assert_eq!((counts.get("suppressed"), counts.get("accepted")), (Some(&25), Some(&25)));
    Ok(())
}

#[tokio::test]
async fn a_paused_sender_sends_nothing_until_it_is_resumed() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _worker = system.work()?;
    system.store.senders().pause(system.tenant, system.sender, "operator", "test").await?;
    let waiting = system.message("ann@recipients.example").await?;
    let other = system.build.sender(system.tenant, system.sink.smtp).await?;
    let row = system.build.message(other, "bob@recipients.example");
    system.store.messages().enqueue_messages(system.tenant, std::slice::from_ref(&row)).await?;
    system.until_state(row.id, MessageState::Accepted).await;
    assert_eq!(system.state(waiting).await?, MessageState::Scheduled);
    system.store.senders().resume(system.tenant, system.sender, true).await?;
    system.until_state(waiting, MessageState::Accepted).await;
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_rendered_fails_and_holds_nobody_up() -> anyhow::Result<()> {
    let system = System::start().await?;
    let _worker = system.work()?;
    let mut heavy = system.build.message(system.sender, "ann@recipients.example");
    std::sync::Arc::make_mut(&mut heavy.message.content).html =
        Some("{{#each a}}{{#each ../a}}{{#if b}}{{/if}}{{/each}}{{/each}}".to_owned());
    heavy.message.data.insert("a".to_owned(), json!(vec![1; 5_000]));
    system.store.messages().enqueue_messages(system.tenant, std::slice::from_ref(&heavy)).await?;
    let light = system.message("bob@recipients.example").await?;
    system.until_state(light, MessageState::Accepted).await;
    system.until_state(heavy.id, MessageState::Failed).await;
    let view = system.store.messages().find_message(system.tenant, heavy.id).await?.expect("stored");
    assert_eq!(view.last_class.as_deref(), Some("render"));
    Ok(())
}
