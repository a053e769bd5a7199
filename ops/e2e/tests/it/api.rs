use e2e::System;
use serde_json::{Value, json};

async fn without_workers() -> anyhow::Result<(System, e2e::Client)> {
    let system = System::start().await?;
    let client = system.serve().await?;
    Ok((system, client))
}

fn message(system: &System) -> Value {
    json!({"sender": system.sender, "to": "ann@recipients.example", "subject": "Hi", "text": "Hi"})
}

#[tokio::test]
async fn every_wrong_field_is_named_and_nothing_is_stored() -> anyhow::Result<()> {
    let (system, client) = without_workers().await?;
    for (field, value, code, named) in [
        ("to", json!("nobody"), "invalid_request", "to"),
        ("subject", json!("a\r\nBcc: eve@example.com"), "invalid_request", "subject"),
        ("headers", json!({"X-A": "b\nBcc: eve@example.com"}), "invalid_request", "headers.X-A"),
        ("headers", json!({"Bcc": "eve@example.com"}), "invalid_request", "headers.Bcc"),
        ("reply_to", json!("a@b@c.example"), "invalid_request", "reply_to"),
        ("sender", json!("snd_0199000000007000800000000000ffff"), "invalid_request", "sender"),
        ("sender", json!("me"), "invalid_request", "sender"),
        ("text", json!("{{#if a}}"), "template_invalid", "text"),
        ("priority", json!("urgent"), "invalid_request", "priority"),
        ("unknown", json!(1), "invalid_request", "unknown"),
        ("data", json!({"a": "\u{0}"}), "invalid_request", "data"),
    ] {
        let mut body = message(&system);
        body[field] = value;
        let (status, answer) = client.post("/v1/messages", &body).await?;
        assert_eq!(status, 400, "{field}: {answer}");
        assert_eq!(answer["error"]["code"], code, "{field}: {answer}");
        assert_eq!(answer["error"]["details"][0]["field"], named, "{field}: {answer}");
    }
    let mut missing = message(&system);
    missing.as_object_mut().expect("an object").remove("to");
    let (status, answer) = client.post("/v1/messages", &missing).await?;
    assert_eq!((status.as_u16(), &answer["error"]["details"][0]["field"]), (400, &json!("to")));
    for body in [&b"{"[..], b"", b"[]", b"null", b"\xff\xfe", b"{\"a\":1}{}"] {
        assert_eq!(client.post_raw("/v1/messages", body.to_vec()).await?.0, 400);
    }
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(client.post_raw("/v1/messages", deep.into_bytes()).await?.0, 400);
    assert_eq!(system.database.count("SELECT count(*) FROM messages").await?, 0);
    Ok(())
}

#[tokio::test]
async fn bodies_beyond_their_limits_are_refused_and_within_them_are_not() -> anyhow::Result<()> {
    let (system, client) = without_workers().await?;
    let mut large = message(&system);
    large["text"] = json!("x".repeat(255 * 1024));
    assert_eq!(client.post("/v1/messages", &large).await?.0, 202);
    large["text"] = json!("x".repeat(256 * 1024));
    let (status, answer) = client.post("/v1/messages", &large).await?;
    assert_eq!((status.as_u16(), &answer["error"]["code"]), (413, &json!("payload_too_large")));

    let one = message(&system);
    let (status, answer) = client.post("/v1/messages/batch", &json!({"messages": vec![one.clone(); 1_001]})).await?;
    assert_eq!((status.as_u16(), &answer["error"]["details"][0]["field"]), (400, &json!("messages")));
    assert_eq!(client.post("/v1/messages/batch", &json!({"messages": []})).await?.0, 400);
    let (status, answer) = client.post("/v1/messages/batch", &json!({"messages": [one, large]})).await?;
    assert_eq!((status.as_u16(), &answer["data"][1]["error"]["code"]), (202, &json!("payload_too_large")));
    Ok(())
}

#[tokio::test]
async fn in_a_batch_each_message_stands_for_itself() -> anyhow::Result<()> {
    let (system, client) = without_workers().await?;
    let (good, mut bad, mut keyed) = (message(&system), message(&system), message(&system));
    bad["to"] = json!("nobody");
    keyed["dedupe_key"] = json!("k");
    let body = json!({"messages": [good, bad, keyed, keyed, {"nonsense": true}]});
    let (status, answer) = client.post("/v1/messages/batch", &body).await?;
    assert_eq!(status, 202);
    let items = answer["data"].as_array().expect("items");
    assert_eq!(items.len(), 5);
    assert!(items.iter().enumerate().all(|(at, item)| item["index"] == at));
    assert!(items[0]["id"].is_string() && items[1]["error"]["details"][0]["field"] == "to");
    assert_eq!((&items[3]["existing"], &items[3]["id"]), (&json!(true), &items[2]["id"]));
    assert_eq!(items[4]["error"]["details"][0]["field"], "nonsense");

    let (status, answer) = client.post("/v1/messages/batch", &json!({"messages": [{}]})).await?;
    assert_eq!(status, 400, "nothing was stored: {answer}");
    Ok(())
}

#[tokio::test]
async fn a_dedupe_key_makes_one_message_of_many_requests_at_once() -> anyhow::Result<()> {
    let (system, client) = without_workers().await?;
    let mut body = message(&system);
    body["dedupe_key"] = json!("order-7");
    let requests = (0..50).map(|_| client.post("/v1/messages", &body));
    let answers = futures::future::try_join_all(requests).await?;
    let first = &answers[0].1["id"];
    assert!(answers.iter().all(|(status, answer)| *status == 202 && answer["id"] == *first));
    assert_eq!(answers.iter().filter(|(_, answer)| answer["existing"] == false).count(), 1);
    Ok(())
}

#[tokio::test]
async fn nobody_gets_in_without_a_valid_key_and_a_stranger_sees_nothing() -> anyhow::Result<()> {
    let (system, client) = without_workers().await?;
    let (_, stored) = client.post("/v1/messages", &message(&system)).await?;
    let path = format!("/v1/messages/{}", stored["id"].as_str().expect("an id"));

    let stranger = system.build.tenant().await?;
    let stranger = client.with_key(&system.key(stranger).await?);
    assert_eq!(stranger.get(&path).await?.0, 404);
    assert_eq!(stranger.post(&format!("{path}/cancel"), &json!({})).await?.0, 404);
    assert_eq!(stranger.get("/v1/queue").await?.1["totals"]["due"], 0);
    let (status, answer) = stranger.post("/v1/messages", &message(&system)).await?;
    assert_eq!((status.as_u16(), &answer["error"]["details"][0]["field"]), (400, &json!("sender")));

    let mut damaged = client.key.clone();
    damaged.replace_range(20..21, if &damaged[20..21] == "0" { "1" } else { "0" });
    for key in ["", "nonsense", damaged.as_str()] {
        let nobody = client.with_key(key);
        for path in [path.as_str(), "/v1/queue"] {
            let (status, answer) = nobody.get(path).await?;
            assert_eq!((status.as_u16(), &answer["error"]["code"]), (401, &json!("invalid_api_key")));
        }
    }
    assert_eq!(client.get("/v1/nothing").await?.0, 404);
    assert_eq!(client.get("/v1/messages/nonsense").await?.0, 404);
    assert_eq!(client.delete("/v1/messages").await?.0, 405);
    Ok(())
}

#[tokio::test]
async fn a_revoked_key_is_refused_within_five_seconds() -> anyhow::Result<()> {
    let (system, client) = without_workers().await?;
    assert_eq!(client.get("/v1/queue").await?.0, 200);
    let key = domain::keys::ApiKey::parse(&client.key)?;
    assert!(system.store.api_keys().revoke(system.tenant, key.id).await?);
    testkit::until_within(std::time::Duration::from_secs(15), "it is refused", async || {
        Ok(client.get("/v1/queue").await?.0 == 401)
    })
    .await;
    Ok(())
}

#[tokio::test]
async fn a_message_is_canceled_until_it_is_sent() -> anyhow::Result<()> {
    let (system, client) = without_workers().await?;
    let (_, stored) = client.post("/v1/messages", &message(&system)).await?;
    let path = format!("/v1/messages/{}", stored["id"].as_str().expect("an id"));
    let (status, answer) = client.post(&format!("{path}/cancel"), &json!({})).await?;
    assert_eq!((status.as_u16(), &answer["state"]), (200, &json!("canceled")));

    let (_, stored) = client.post("/v1/messages", &message(&system)).await?;
    let path = format!("/v1/messages/{}", stored["id"].as_str().expect("an id"));
    let _worker = system.work()?;
    testkit::until("it is accepted", async || Ok(client.get(&path).await?.1["state"] == "accepted")).await;
    let (status, answer) = client.post(&format!("{path}/cancel"), &json!({})).await?;
    assert_eq!((status.as_u16(), &answer["error"]["code"]), (409, &json!("conflict")));
    Ok(())
}

#[tokio::test]
async fn a_suppressed_recipient_is_accepted_as_suppressed() -> anyhow::Result<()> {
    let (system, client) = without_workers().await?;
    let address = domain::address::Address::parse("ann@recipients.example")?;
    system.build.suppress(system.tenant, &address, domain::suppressions::SuppressionReason::Complaint).await?;
    let (status, answer) = client.post("/v1/messages", &message(&system)).await?;
    assert_eq!((status.as_u16(), &answer["state"]), (202, &json!("suppressed")));
    Ok(())
}

#[tokio::test]
async fn without_redis_everything_is_still_accepted_and_sent_when_it_is_back() -> anyhow::Result<()> {
    let mut system = System::start().await?;
    let client = system.serve().await?;
    system.redis.kill()?;
    let (status, answer) = client.post("/v1/messages", &message(&system)).await?;
    assert_eq!((status.as_u16(), &answer["state"]), (202, &json!("scheduled")));
    system.redis.restart()?;
    let _worker = system.work()?;
    system.until_settled().await;
    assert_eq!(system.judge().await?.get("accepted"), Some(&1));
    Ok(())
}
