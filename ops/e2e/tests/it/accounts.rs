//! Tenants, keys, senders and contents, as a team sets itself up by HTTP alone.

use api::ApiOptions;
use e2e::System;
use providers::Egress;
use providers::smtp::TlsRoots;
use serde_json::{Value, json};
use testkit::sink::{Action, Moment};
use testkit::{SinkOptions, until};

const SECRET_KEYS: &str = "test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn options(system: &System) -> anyhow::Result<ApiOptions> {
    Ok(ApiOptions {
        keyring: Some(SECRET_KEYS.parse()?),
        egress: Egress::allowing(&["127.0.0.0/8".to_owned(), "::1/128".to_owned()])?,
        roots: TlsRoots::from_pem(std::fs::read(system.sink.certificate())?).map_err(anyhow::Error::msg)?,
        ..ApiOptions::default()
    })
}

#[tokio::test]
async fn a_team_is_set_up_by_http_and_sends() -> anyhow::Result<()> {
    let sink = SinkOptions { tls: Some("starttls"), login: Some("me:secret"), ..SinkOptions::default() };
    let system = System::start_with(&sink).await?;
    let operator = system.operator_key().await?;
    let client = system.serve_with(options(&system)?).await?.with_key(&operator);
    let setup = e2e::WorkerSetup {
        roots: TlsRoots::from_pem(std::fs::read(system.sink.certificate())?).map_err(anyhow::Error::msg)?,
        keyring: Some(SECRET_KEYS.parse()?),
        networks: Some(vec!["127.0.0.0/8".to_owned(), "::1/128".to_owned()]),
        ..e2e::WorkerSetup::default()
    };
    let worker = system.work_with(setup)?;

    let (_, tenant) = client.post("/v1/tenants", &json!({"name": "My team"})).await?;
    system.build.lift_limits(tenant["id"].as_str().expect("an id").parse()?).await?;
    let keys = format!("/v1/tenants/{}/keys", tenant["id"].as_str().expect("an id"));
    let (status, made) = client.post(&keys, &json!({"name": "first"})).await?;
    assert_eq!((status.as_u16(), &made["scopes"]), (201, &json!(["read", "send", "manage"])));
    let team = client.with_key(made["key"].as_str().expect("a key"));

    let port = system.sink.smtp.port();
    let wrong = json!({"address": "me@example.com", "smtp_host": "localhost", "smtp_port": port, "username": "me",
        "password": "wrong"});
    let (status, sender) = team.post("/v1/senders", &wrong).await?;
    assert_eq!((status.as_u16(), &sender["state"]), (201, &json!("active")));
    let path = format!("/v1/senders/{}", sender["id"].as_str().expect("an id"));
    let (_, checked) = team.post(&format!("{path}/check"), &json!({})).await?;
    assert_eq!((&checked["ok"], &checked["phase"], &checked["code"]), (&json!(false), &json!("auth"), &json!(535)));
    let answer = team.send("PATCH", &path, &[], json!({"password": "secret"}).to_string()).await?;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(!answer.text.contains("secret"), "it is never shown");
    let elsewhere = team.send("PATCH", &path, &[], json!({"smtp_host": "evil.example"}).to_string()).await?;
    assert_eq!(elsewhere.status, 400, "a stored password is told to nobody else: {}", elsewhere.text);
    let (_, checked) = team.post(&format!("{path}/check"), &json!({})).await?;
    assert_eq!(checked, json!({"ok": true, "phase": null, "problem": null, "code": null}));

    let (status, content) =
        team.post("/v1/contents", &json!({"subject": "Hi {{name}}", "text": "Hello {{name}}"})).await?;
    assert_eq!(status, 201);
    let message = json!({"sender": sender["id"], "to": "ann@recipients.example", "content": content["id"],
        "data": {"name": "Ann"}, "tags": ["spring"]});
    let (status, accepted) = team.post("/v1/messages", &message).await?;
    assert_eq!(status, 202, "{accepted}");
    let sent = format!("/v1/messages/{}", accepted["id"].as_str().expect("an id"));
    until("it is accepted", async || Ok(team.get(&sent).await?.1["state"] == "accepted")).await;
    let (_, listed) = team.get("/v1/messages?tag=spring&state=accepted").await?;
    assert_eq!(listed["data"][0]["id"], accepted["id"]);

    let (status, gone) = team.post(&format!("{path}/archive"), &json!({})).await?;
    assert_eq!((status.as_u16(), &gone["state"]), (200, &json!("archived")));
    until("it takes no more", async || Ok(team.post("/v1/messages", &message).await?.0 == 400)).await;
    worker.stop().await
}

#[tokio::test]
async fn a_check_says_where_an_account_fails() -> anyhow::Result<()> {
    let system = System::start_with(&SinkOptions::default()).await?;
    let egress = Egress::allowing(&["127.0.0.0/8".to_owned()])?;
    let client = system.serve_with(ApiOptions { egress, ..ApiOptions::default() }).await?;
    let check = async || -> anyhow::Result<Value> {
        Ok(client.post(&format!("/v1/senders/{}/check", system.sender), &json!({})).await?.1)
    };
    assert_eq!(check().await?["ok"], true);
    assert!(system.sink.accepted()?.is_empty(), "nothing was sent");
    system.sink.rule(Moment::Mail, None, None, Action::Reply("553 5.7.1 not your address".to_owned()))?;
    let answer = check().await?;
    assert_eq!((&answer["phase"], &answer["code"]), (&json!("mail_from"), &json!(553)), "{answer}");
    let closed = system.serve_with(ApiOptions::default()).await?;
    let (_, answer) = closed.post(&format!("/v1/senders/{}/check", system.sender), &json!({})).await?;
    assert_eq!((&answer["ok"], &answer["phase"]), (&json!(false), &json!("setup")), "a private network: {answer}");
    Ok(())
}

#[tokio::test]
async fn a_key_is_rotated_without_a_gap_and_never_gives_more_than_it_has() -> anyhow::Result<()> {
    let system = System::start().await?;
    let client = system.serve().await?;
    let (_, made) = client.post("/v1/keys", &json!({"name": "reader", "scopes": ["read", "manage"]})).await?;
    let old = client.with_key(made["key"].as_str().expect("a key"));
    assert_eq!(old.post("/v1/keys", &json!({"scopes": ["send"]})).await?.0, 403, "more than it has");
    assert_eq!(old.post("/v1/keys", &json!({"operator": true})).await?.0, 403);
    let path = format!("/v1/keys/{}/rotate", made["id"].as_str().expect("an id"));
    let (status, rotated) = old.post(&path, &json!({"overlap_seconds": 60})).await?;
    assert_eq!((status.as_u16(), &rotated["scopes"]), (201, &json!(["read", "manage"])));
    assert_eq!(client.post(&path, &json!({})).await?.0, 409, "a key has one successor");
    let new = client.with_key(rotated["key"].as_str().expect("a key"));
    let (_, child) = old.post("/v1/keys", &json!({"scopes": ["read"]})).await?;
    until("what the old one makes ends with it", async || {
        let (_, child) = old.post("/v1/keys", &json!({"scopes": ["read"]})).await?;
        Ok(child["expires_at"].is_string())
    })
    .await;
    assert_eq!(child["operator"], false);
    assert_eq!((old.get("/v1/queue").await?.0.as_u16(), new.get("/v1/queue").await?.0.as_u16()), (200, 200));
    system.database.advance(std::time::Duration::from_secs(61)).await?;
    until("the old one has ended", async || Ok(old.get("/v1/queue").await?.0 == 401)).await;
    assert_eq!(new.get("/v1/queue").await?.0, 200);
    until_noted(&new, rotated["id"].as_str().expect("an id")).await
}

/// Uses are noted every ten seconds.
async fn until_noted(client: &e2e::Client, id: &str) -> anyhow::Result<()> {
    testkit::until_within(std::time::Duration::from_secs(30), "its use is noted", async || {
        let (_, keys) = client.get("/v1/keys").await?;
        let keys = keys["data"].as_array().expect("a list").clone();
        Ok(keys.iter().any(|key| key["id"] == id && key["last_used_at"].is_string()))
    })
    .await;
    Ok(())
}
