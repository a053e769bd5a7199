//! Why a message is not sent yet, asked over HTTP and at the command line.

use std::process::Command;

use domain::ids::MessageId;
use domain::limits::LimitTarget;
use domain::messages::MessageState;
use e2e::{Client, System};
use serde_json::{Value, json};
use testkit::sink::{Action, Moment};
use testkit::{binaries, until};

async fn waiting(api: &Client, id: MessageId) -> anyhow::Result<Value> {
    Ok(api.get(&format!("/v1/messages/{id}")).await?.1["waiting"].clone())
}

fn explain(system: &System, id: MessageId) -> anyhow::Result<Value> {
    let output = Command::new(binaries::own("postfleet")?)
        .args(["explain", &id.to_string(), "--json"])
        .env("DATABASE_URL", &system.database.url)
        .env("REDIS_URL", system.redis.url())
        .output()?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[tokio::test]
async fn every_reason_to_wait_is_told_in_one_call() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.serve().await?;

    // For later.
    let mut later = system.build.message(system.sender, "a@recipients.example");
    later.message.send_at = Some(chrono::DateTime::parse_from_rfc3339("2090-01-01T00:00:00Z")?.to_utc());
    system.store.messages().enqueue_messages(system.tenant, std::slice::from_ref(&later)).await?;
    let told = waiting(&api, later.id).await?;
    assert_eq!((&told["on"], &told["until"]), (&json!("send_at"), &json!("2090-01-01T00:00:00Z")));

    // No worker is there: queued.
    let queued = system.message("b@recipients.example").await?;
    until("it is queued", async || Ok(system.state(queued).await? == MessageState::Queued)).await;
    let told = waiting(&api, queued).await?;
    assert_eq!((&told["on"], &told["key"]), (&json!("worker"), &json!("send/shared")), "{told}");

    // A worker has it, and its server hangs.
    system.sink.rule(Moment::Rcpt, Some("b@"), Some(1), Action::DelayMs(1_500))?;
    let worker = system.work()?;
    until("a worker prepares it", async || Ok(waiting(&api, queued).await?["on"] == "preparing")).await;
    assert!(waiting(&api, queued).await?["key"].as_str().is_some_and(|key| key.starts_with("wrk_")));
    system.until_state(queued, MessageState::Accepted).await;
    assert_eq!(waiting(&api, queued).await?, Value::Null, "it is over");

    // Past the point of no return.
    system.sink.rule(Moment::Dot, Some("c@"), Some(1), Action::AcceptAfterMs(1_500))?;
    let committing = system.message("c@recipients.example").await?;
    until("its answer is due", async || Ok(waiting(&api, committing).await?["on"] == "answer")).await;

    // Refused for now.
    system.sink.rule(Moment::Rcpt, Some("d@"), Some(1), Action::Reply("451 4.7.1 come back later".to_owned()))?;
    let refused = system.message("d@recipients.example").await?;
    until("it waits for its next try", async || Ok(waiting(&api, refused).await?["on"] == "retry")).await;
    let told = waiting(&api, refused).await?;
    assert!(told["because"].as_str().is_some_and(|text| text.starts_with("retry 2 after greylisted")), "{told}");

    // Lost.
    system.sink.rule(Moment::Dot, Some("e@"), Some(1), Action::AcceptAndClose)?;
    let lost = system.message("e@recipients.example").await?;
    until("it is uncertain", async || Ok(waiting(&api, lost).await?["on"] == "resolution")).await;
    worker.stop().await?;

    // Paused, and by whom.
    let paused = system.message("f@recipients.example").await?;
    api.post(&format!("/v1/senders/{}/pause", system.sender), &json!({"reason": "holidays"})).await?;
    let told = waiting(&api, paused).await?;
    assert_eq!(told["on"], "sender_pause");
    assert!(
        told["because"].as_str().is_some_and(|text| text.contains("by key_") && text.ends_with("holidays")),
        "{told}"
    );
    let by_operator = explain(&system, paused)?;
    assert_eq!(by_operator["waiting"], told);
    Ok(())
}

#[tokio::test]
async fn each_scope_names_itself_and_the_time() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.serve().await?;
    let cases = [
        (LimitTarget::Sender(system.tenant, system.sender), format!("sender:{}", system.sender)),
        (LimitTarget::Domain(system.tenant, "recipients.example".into()), "domain:recipients.example".to_owned()),
        (LimitTarget::Tenant(system.tenant), format!("tenant:{}", system.tenant)),
        (LimitTarget::Global, "global".to_owned()),
    ];
    for (target, key) in cases {
        system.limit(target.clone(), &["1/h"]).await?;
        let message = system.message("ann@recipients.example").await?;
        let told = waiting(&api, message).await?;
        assert_eq!((&told["on"], &told["key"]), (&json!("limit"), &json!(key)), "{told}");
        assert!(told["until"].is_string() && told["since"].is_string());
        assert_eq!(explain(&system, message)?["waiting"]["key"], json!(key));
        system.store.messages().cancel_message(system.tenant, message).await?;
        system.limit(target, &["1000000/s"]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_queue_estimates_when_a_sender_is_through() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.serve().await?;
    system.limit(LimitTarget::Sender(system.tenant, system.sender), &["1/min"]).await?;
    system.build.scheduled(system.tenant, system.sender, 61).await?;
    let (_, body) = api.get("/v1/queue").await?;
    let sender = &body["senders"][0];
    let at: chrono::DateTime<chrono::Utc> = serde_json::from_value(sender["estimated_completion_at"].clone())?;
    let left = at - system.store.fleet().state().await?.now;
    assert!((3_590..=3_600).contains(&left.num_seconds()), "{left}");
    api.post(&format!("/v1/senders/{}/pause", system.sender), &json!({})).await?;
    let (_, body) = api.get("/v1/queue").await?;
    assert_eq!(
        (&body["senders"][0]["paused"], &body["senders"][0]["estimated_completion_at"]),
        (&json!(true), &Value::Null)
    );
    Ok(())
}

#[tokio::test]
async fn limits_are_set_read_and_refused_with_reasons() -> anyhow::Result<()> {
    let system = System::start().await?;
    let api = system.serve().await?;
    let (_, all) = api.get("/v1/limits").await?;
    assert!(all["data"].as_array().is_some_and(|limits| limits.len() == 4), "{all}");
    let domain = "/v1/limits/domain/Example.COM";
    for (body, problem) in [
        (json!({"limits": ["20/fortnight"]}), "a limit is written like"),
        (json!({"limits": ["0/min"]}), "allows 1 to"),
        (json!({"limits": ["20/min", "30/min"]}), "one limit for each"),
        (json!({"limits": ["500/day"]}), "no day's quota"),
    ] {
        let (status, answer) = api.put(domain, &body).await?;
        let told = answer["error"]["details"][0]["problem"].as_str().unwrap_or_default().to_owned();
        assert!(status == 400 && told.contains(problem), "{body}: {answer}");
    }
    let (status, set) = api.put(domain, &json!({"limits": ["100/h,burst=10"]})).await?;
    assert_eq!((status.as_u16(), &set["key"], &set["source"]), (200, &json!("example.com"), &json!("set")));
    assert!(set["updated_by"].as_str().is_some_and(|by| by.starts_with("key_")));
    let (_, read) = api.get("/v1/limits/domain/example.com").await?;
    assert_eq!(read["limits"], json!(["100/h,burst=10"]));
    let (_, other) = api.get("/v1/limits/domain/other.example").await?;
    assert_eq!((&other["source"], &other["limits"]), (&json!("set_for_all"), &json!(["1000000/s"])));
    let (_, gone) = api.delete(domain).await?;
    assert_eq!(gone["source"], "set_for_all");

    for scope in ["tenant", "global"] {
        let (status, answer) = api.put(&format!("/v1/limits/{scope}"), &json!({"limits": ["9/h"]})).await?;
        assert_eq!((status.as_u16(), &answer["error"]["code"]), (403, &json!("forbidden")));
    }
    let operator = api.with_key(&system.operator_key().await?);
    let (status, set) = operator.put("/v1/limits/tenant", &json!({"limits": ["9/h"]})).await?;
    assert_eq!((status.as_u16(), &set["limits"]), (200, &json!(["9/h"])));
    let (status, _) = api.get(&format!("/v1/limits/sender/{}", system.ids.next::<domain::ids::SenderId>())).await?;
    assert_eq!(status, 404, "nobody else's sender");
    let stranger = system.build.tenant().await?;
    let strangers = api.with_key(&system.key(stranger).await?);
    let (status, _) = strangers.put(&format!("/v1/limits/sender/{}", system.sender), &json!({"limits": []})).await?;
    assert_eq!(status, 404);
    let (status, _) = strangers.post(&format!("/v1/senders/{}/pause", system.sender), &json!({})).await?;
    assert_eq!(status, 404);
    Ok(())
}
