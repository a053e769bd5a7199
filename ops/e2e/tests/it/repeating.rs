//! `Idempotency-Key`: whatever is repeated, and whatever crashes in the middle, creates once.

use std::collections::HashSet;
use std::time::Duration;

use domain::keys::{KeyRights, KeyScope};
use e2e::{Answer, Client, System};
use serde_json::{Value, json};

async fn post(client: &Client, path: &str, key: &str, body: &Value) -> anyhow::Result<Answer> {
    client.send("POST", path, &[("Idempotency-Key", key)], body.to_string()).await
}

fn message(system: &System) -> Value {
    json!({"sender": system.sender, "to": "ann@recipients.example", "subject": "Hi", "text": "Hi"})
}

#[tokio::test]
async fn e2_fifty_repeats_at_once_make_one_message_and_all_get_its_answer() -> anyhow::Result<()> {
    let system = System::start().await?;
    let client = system.serve().await?;
    let asked = (0..50).map(|_| {
        let (client, body) = (client.clone(), message(&system));
        tokio::spawn(async move {
            loop {
                let answer = post(&client, "/v1/messages", "the-first", &body).await?;
                if answer.status != 409 {
                    return anyhow::Ok(answer);
                }
                assert_eq!(answer.header("retry-after"), Some("1"));
                assert_eq!(answer.json()["error"]["code"], "idempotency_conflict");
                tokio::task::yield_now().await;
            }
        })
    });
    let (mut ids, mut replayed) = (HashSet::new(), 0);
    for answer in asked.collect::<Vec<_>>() {
        let answer = answer.await??;
        assert_eq!((answer.status, &answer.json()["existing"]), (202, &json!(false)), "{}", answer.text);
        replayed += usize::from(answer.header("idempotency-replayed").is_some());
        ids.insert(answer.json()["id"].as_str().expect("an id").to_owned());
    }
    assert_eq!((ids.len(), replayed), (1, 49));
    assert_eq!(system.database.count("SELECT count(*) FROM messages").await?, 1);
    Ok(())
}

#[tokio::test]
async fn e2_what_crashed_before_its_answer_was_kept_is_found_by_the_repeat() -> anyhow::Result<()> {
    let system = System::start().await?;
    let operator = system.operator_key().await?;
    let client = system.serve().await?.with_key(&operator);
    let batch = json!({"messages": [message(&system), message(&system)]});
    for (path, body, table) in [
        ("/v1/messages", message(&system), "messages"),
        ("/v1/messages/batch", batch, "messages"),
        ("/v1/senders", json!({"address": "me@example.com", "smtp_host": "smtp.example.com"}), "senders"),
        ("/v1/tenants", json!({"name": "Another"}), "tenants"),
        ("/v1/keys", json!({"name": "made"}), "api_keys"),
        ("/v1/contents", json!({"subject": "Hi", "text": "There"}), "contents"),
    ] {
        let first = post(&client, path, path, &body).await?;
        assert!(first.status < 300, "{path}: {}", first.text);
        let count = sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}")));
        let before = count.fetch_one(&mut system.database.connection().await?).await?;
        // As if the process had died behind the commit and before the answer was kept, and its lock had run out.
        sqlx::query("UPDATE idempotency_keys SET status = NULL, body = NULL, locked_until = postfleet_now() - interval '1 s' WHERE status IS NOT NULL")
            .execute(&mut system.database.connection().await?)
            .await?;
        let second = post(&client, path, path, &body).await?;
        assert_eq!(second.status, first.status, "{path}: {}", second.text);
        assert_eq!(ids_in(&first.json()), ids_in(&second.json()), "{path}");
        let count = sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}")));
        assert_eq!(count.fetch_one(&mut system.database.connection().await?).await?, before, "{path}");
    }
    Ok(())
}

fn ids_in(answer: &Value) -> Vec<Value> {
    match &answer["data"] {
        Value::Array(items) => items.iter().map(|item| item["id"].clone()).collect(),
        _ => vec![answer["id"].clone()],
    }
}

#[tokio::test]
async fn e2_another_request_under_the_same_key_is_refused_and_a_wrong_one_does_not_use_it_up() -> anyhow::Result<()> {
    let system = System::start().await?;
    let client = system.serve().await?;
    let wrong = json!({"sender": system.sender, "to": "nobody", "subject": "Hi", "text": "Hi"});
    assert_eq!(post(&client, "/v1/messages", "k", &wrong).await?.status, 400);
    assert_eq!(post(&client, "/v1/messages", "k", &message(&system)).await?.status, 202);
    let answer = post(&client, "/v1/messages", "k", &wrong).await?;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (422, &json!("idempotency_conflict")));
    let elsewhere = post(&client, "/v1/contents", "k", &json!({"subject": "Hi", "text": "Hi"})).await?;
    assert_eq!(elsewhere.status, 422);
    for key in ["", "x".repeat(256).as_str()] {
        let named = [("X-Idempotency-Key", key)];
        assert_eq!(client.send("POST", "/v1/messages", &named, message(&system).to_string()).await?.status, 400);
    }
    system.database.advance(Duration::from_secs(25 * 3_600)).await?;
    let after_a_day = post(&client, "/v1/messages", "k", &message(&system)).await?;
    assert_eq!(after_a_day.header("idempotency-replayed"), Some("true"));
    Ok(())
}

#[tokio::test]
async fn a_repeat_never_shows_a_keys_secret_again() -> anyhow::Result<()> {
    let system = System::start().await?;
    let client = system.serve().await?;
    let body = json!({"name": "website", "scopes": ["send"]});
    let first = post(&client, "/v1/keys", "k", &body).await?.json();
    let shown = first["key"].as_str().expect("it is shown once").to_owned();
    let repeat = post(&client, "/v1/keys", "k", &body).await?.json();
    assert_eq!((&repeat["id"], &repeat["key"]), (&first["id"], &Value::Null));
    let kept: String = sqlx::query_scalar("SELECT convert_from(body, 'UTF8') FROM idempotency_keys")
        .fetch_one(&mut system.database.connection().await?)
        .await?;
    assert!(!kept.contains(&shown));
    let made = client.with_key(&shown);
    assert_eq!(made.post("/v1/messages", &message(&system)).await?.0, 202);
    Ok(())
}

#[tokio::test]
async fn a_repeated_batch_knows_its_messages_by_their_places_and_not_by_who_was_accepted() -> anyhow::Result<()> {
    let system = System::start().await?;
    let client = system.serve().await?;
    let content = domain::messages::Content { subject: "Later".into(), html: None, text: Some("Later".into()) };
    let mut first =
        json!({"sender": system.sender, "to": "first@recipients.example", "content": content.id(system.tenant)});
    let batch = json!({"messages": [first.take(), message(&system), message(&system)]});
    let before = post(&client, "/v1/messages/batch", "b", &batch).await?.json();
    assert!(before["data"][0]["error"].is_object(), "its content is not there yet");
    sqlx::query(
        "UPDATE idempotency_keys SET status = NULL, body = NULL, locked_until = postfleet_now() - interval '1 s'",
    )
    .execute(&mut system.database.connection().await?)
    .await?;
    system.store.contents().put(system.tenant, &content).await?;
    let after = post(&client, "/v1/messages/batch", "b", &batch).await?.json();
    assert_eq!(
        (&after["data"][1]["id"], &after["data"][2]["id"]),
        (&before["data"][1]["id"], &before["data"][2]["id"])
    );
    assert_eq!(after["data"][0]["existing"], false);
    assert_eq!(system.database.count("SELECT count(*) FROM messages").await?, 3);
    Ok(())
}

#[tokio::test]
async fn another_key_neither_gets_an_answer_nor_frees_what_was_begun() -> anyhow::Result<()> {
    let system = System::start().await?;
    let client = system.serve().await?;
    let reader = client.with_key(&system.build.key(system.tenant, KeyRights::new([KeyScope::Read], false)).await?);
    let first = post(&client, "/v1/messages", "k", &message(&system)).await?.json();
    assert_eq!(post(&reader, "/v1/messages", "k", &message(&system)).await?.status, 422);
    sqlx::query(
        "UPDATE idempotency_keys SET status = NULL, body = NULL, locked_until = postfleet_now() - interval '1 s'",
    )
    .execute(&mut system.database.connection().await?)
    .await?;
    assert_eq!(post(&reader, "/v1/messages", "k", &message(&system)).await?.status, 422);
    assert_eq!(post(&client, "/v1/messages", "k", &message(&system)).await?.json()["id"], first["id"]);
    assert_eq!(system.database.count("SELECT count(*) FROM messages").await?, 1);
    Ok(())
}
