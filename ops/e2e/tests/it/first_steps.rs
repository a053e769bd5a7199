//! What a new user does, and what nobody may read of it.

use std::process::Command;

use e2e::{Client, Fleet, System};
use serde_json::{Value, json};
use testkit::{SinkOptions, binaries, free_port, until};

/// Runs `postfleet` and answers the field of its JSON that was asked for.
fn postfleet(system: &System, arguments: &[&str], input: &str, field: &str) -> anyhow::Result<String> {
    use std::io::Write;
    let mut process = Command::new(binaries::own("postfleet")?)
        .args(arguments)
        .arg("--json")
        .env("DATABASE_URL", &system.database.url)
        .env("POSTFLEET_SECRET_KEYS", SECRET_KEYS)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    process.stdin.take().expect("a pipe").write_all(input.as_bytes())?;
    let output = process.wait_with_output()?;
    anyhow::ensure!(output.status.success(), "{arguments:?}: {}", output.status);
    let answer: Value = serde_json::from_slice(&output.stdout)?;
    Ok(answer[field].as_str().expect("the field").to_owned())
}

const SECRET_KEYS: &str = "test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

#[tokio::test]
async fn the_readmes_steps_lead_from_nothing_to_a_history_and_no_log_tells_what_was_in_the_mail() -> anyhow::Result<()>
{
    let options =
        SinkOptions { tls: Some("starttls"), login: Some("canary-user:canary-password"), ..SinkOptions::default() };
    let system = System::without_orchestrator(&options).await?;
    let log = system.sink.log_file().with_file_name("everything.log");
    let mut fleet = Fleet::on(&system);
    fleet.log_everything_to(&log);
    let (listen, ca) = (format!("127.0.0.1:{}", free_port()?), system.sink.certificate());
    let ca = ca.to_str().expect("a path");
    let up = ["up", "--api-listen", &listen, "--smtp-ca-file", ca, "--secret-keys", SECRET_KEYS];
    fleet.start(&[&up[..], &["--smtp-allow-networks", "127.0.0.0/8,::1/128"]].concat())?;

    let tenant = postfleet(&system, &["tenants", "create", "--name", "My team"], "", "tenant")?;
    let key = postfleet(&system, &["keys", "create", "--tenant", &tenant], "", "key")?;
    let port = system.sink.smtp.port().to_string();
    let sender =
        ["senders", "create", "--tenant", &tenant, "--address", "canary-from@example.com", "--smtp-host", "localhost"];
    let sender = [&sender[..], &["--smtp-port", &port, "--username", "canary-user"]].concat();
    let sender = postfleet(&system, &sender, "canary-password\n", "sender")?;

    let client = Client::new(format!("http://{listen}"), key.clone());
    until("the API is up", async || Ok(client.get("/v1/queue").await?.0 == 200)).await;
    let body = json!({
        "sender": sender, "to": "canary-to@recipients.example", "subject": "canary-subject {{name}}",
        "html": "<p>canary-body</p>", "data": {"name": "canary-data"}, "reply_to": "canary-reply@example.com",
    });
    let (status, accepted) = client.post("/v1/messages", &body).await?;
    assert_eq!(status, 202, "{accepted}");
    let path = format!("/v1/messages/{}", accepted["id"].as_str().expect("an id"));
    until("it is accepted", async || Ok(client.get(&path).await?.1["state"] == "accepted")).await;
    assert_eq!(client.get(&path).await?.1["attempts"][0]["outcome"], "accepted");

    let told = std::fs::read_to_string(&log)?;
    assert!(told.contains("works"), "there is a log");
    let secret = key.rsplit('_').next().expect("a secret");
    for canary in ["canary-", "canary@", secret, "AAAAAAAAAAAAAAAA"] {
        let line = told.lines().find(|line| line.contains(canary));
        assert_eq!(line, None, "a log tells {canary}");
    }
    Ok(())
}
