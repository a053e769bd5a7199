//! The command line, as a user and an operator use it.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use e2e::{Client, System};
use serde_json::{Value, json};
use testkit::{SinkOptions, binaries, until};

struct Cli {
    environment: Vec<(&'static str, String)>,
}

impl Cli {
    fn on(system: &System, client: &Client) -> Self {
        Self {
            environment: vec![
                ("DATABASE_URL", system.database.url.clone()),
                ("REDIS_URL", system.redis.url()),
                ("POSTFLEET_URL", client.url.clone()),
                ("POSTFLEET_API_KEY", client.key.clone()),
                ("POSTFLEET_LOG", "error".to_owned()),
            ],
        }
    }

    fn command(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(binaries::own("postfleet")?);
        command.args(arguments).envs(self.environment.iter().map(|(name, value)| (*name, value))).stdin(Stdio::null());
        Ok(command)
    }

    async fn run(&self, arguments: &[&str]) -> anyhow::Result<Output> {
        let mut command = self.command(arguments)?;
        Ok(tokio::task::spawn_blocking(move || command.output()).await??)
    }

    /// Its JSON, and its exit code.
    async fn json(&self, arguments: &[&str]) -> anyhow::Result<(i32, Value)> {
        let output = self.run(&[arguments, &["--json"]].concat()).await?;
        let code = output.status.code().unwrap_or(-1);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let answer = serde_json::from_slice(&output.stdout).unwrap_or(json!({"stderr": told}));
        Ok((code, answer))
    }
}

fn written(folder: &Path, name: &str, text: &str) -> anyhow::Result<String> {
    let file = folder.join(name);
    std::fs::write(&file, text)?;
    Ok(file.to_str().expect("a path").to_owned())
}

#[tokio::test]
async fn a_file_is_sent_once_however_often_it_is_given_and_wrong_lines_are_told() -> anyhow::Result<()> {
    let system = System::start_with(&SinkOptions::default()).await?;
    let cli = Cli::on(&system, &system.serve().await?);
    let (worker, folder, sender) = (system.work()?, tempfile::tempdir()?, system.sender.to_string());
    let mut csv = String::from("email,name\n");
    (0..1_200).for_each(|at| csv.push_str(&format!("r{at}@recipients.example,\"Name, {at}\"\n")));
    csv.push_str("nobody,Nobody\n");
    let file = written(folder.path(), "people.csv", &csv)?;
    let send = [
        "send",
        "--sender",
        &sender,
        "--file",
        &file,
        "--subject",
        "Hi {{name}}",
        "--text",
        "Hello",
        "--tag",
        "spring",
    ];
    let (code, answer) = cli.json(&send).await?;
    assert_eq!((code, &answer["accepted"], &answer["refused"]), (1, &json!(1_200), &json!(1)), "{answer}");
    assert_eq!(answer["problems"][0]["line"], 1_202);
    let (_, again) = cli.json(&send).await?;
    assert_eq!((&again["accepted"], &again["existing"]), (&json!(0), &json!(1_200)));
    system.until_settled().await;
    assert_eq!(system.judge().await?.get("accepted"), Some(&1_200));

    // A template that alone fills a batch, were it repeated in every message.
    let html = written(folder.path(), "large.html", &format!("<p>{}</p>", "x".repeat(200 * 1024)))?;
    let mut csv = String::from("to\n");
    (0..120).for_each(|at| csv.push_str(&format!("large{at}@recipients.example\n")));
    csv.push_str("ann@recipients.example,\"a cell that\ngoes on\"\n");
    let file = written(folder.path(), "large.csv", &csv)?;
    let large = ["send", "--sender", &sender, "--file", &file, "--subject", "Large", "--html-file", &html];
    let (code, answer) = cli.json(&large).await?;
    assert_eq!((code, &answer["accepted"], &answer["refused"]), (1, &json!(120), &json!(2)), "{answer}");
    let line = json!({"to": "ann@recipients.example", "subject": "Own", "text": "Own", "sender": sender}).to_string();
    let file = written(folder.path(), "one.ndjson", &line)?;
    let (code, answer) = cli.json(&["send", "--file", &file]).await?;
    assert_eq!((code, &answer["accepted"]), (0, &json!(1)), "{answer}");
    let (code, answer) = cli
        .json(&["send", "--sender", &sender, "--to", "bob@recipients.example", "--subject", "Hi", "--text", "Hi"])
        .await?;
    assert_eq!(code, 0, "{answer}");
    let (code, found) = cli.json(&["messages", "list", "--to", "bob@recipients.example"]).await?;
    assert_eq!((code, &found["data"][0]["id"]), (0, &answer["id"]));
    worker.stop().await
}

#[tokio::test]
async fn exit_codes_tell_what_can_be_mended_by_whom() -> anyhow::Result<()> {
    let system = System::start_with(&SinkOptions::default()).await?;
    let mut cli = Cli::on(&system, &system.serve().await?);
    assert_eq!(cli.run(&["queue", "status"]).await?.status.code(), Some(0));
    assert_eq!(cli.run(&["queue", "stattus"]).await?.status.code(), Some(2));
    let refused = cli.run(&["send", "--to", "nobody", "--subject", "Hi", "--text", "Hi"]).await?;
    assert_eq!(refused.status.code(), Some(4));
    let told = String::from_utf8(refused.stderr)?;
    assert!(told.contains("invalid_request") && told.contains("sender"), "{told}");
    let folder = tempfile::tempdir()?;
    let file = written(folder.path(), "people.csv", "to\nann@recipients.example\n")?;
    let sender = system.sender.to_string();
    let send = ["send", "--sender", &sender, "--file", &file, "--subject", "Hi", "--text", "Hi"];
    cli.environment.push(("POSTFLEET_API_KEY", "nonsense".to_owned()));
    assert_eq!(cli.run(&send).await?.status.code(), Some(4));
    // Nobody can listen there.
    cli.environment.push(("POSTFLEET_URL", "http://127.0.0.1:1".to_owned()));
    assert_eq!(cli.run(&["queue", "status"]).await?.status.code(), Some(3));
    assert_eq!(cli.run(&send).await?.status.code(), Some(3));
    Ok(())
}

#[tokio::test]
async fn a_doctor_finds_what_is_wrong_and_says_how_to_mend_it() -> anyhow::Result<()> {
    let system = System::start_with(&SinkOptions::default()).await?;
    let mut cli = Cli::on(&system, &system.serve().await?);
    let worker = system.work()?;
    let grades = |answer: &Value| -> Vec<(String, String)> {
        let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        answer["findings"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| (text(one, "about"), text(one, "grade")))
            .collect()
    };
    until("the worker is known", async || Ok(system.store.workers().alive().await? == 1)).await;
    until("all beat while it looks", async || {
        let answer = cli.json(&["doctor"]).await?.1;
        let found = grades(&answer);
        Ok(["orchestrator", "workers", "clocks"]
            .iter()
            .all(|about| found.contains(&((*about).to_owned(), "ok".to_owned()))))
    })
    .await;
    let (_, answer) = cli.json(&["doctor"]).await?;
    let found = grades(&answer);
    // A test's own servers are allowed to lose what they have.
    for (about, grade) in [
        ("postgres", "ok"),
        ("schema", "ok"),
        ("orchestrator", "ok"),
        ("workers", "ok"),
        ("redis", "ok"),
        ("eviction", "ok"),
        ("clocks", "ok"),
        ("durability", "wrong"),
        ("passwords of senders", "ok"),
    ] {
        assert!(found.contains(&(about.to_owned(), grade.to_owned())), "{about}: {answer}");
    }
    let _: () = redis::cmd("CONFIG")
        .arg("SET")
        .arg("maxmemory-policy")
        .arg("allkeys-lru")
        .query(&mut system.redis.client()?)?;
    let (code, answer) = cli.json(&["doctor"]).await?;
    assert_eq!(code, 1);
    assert!(grades(&answer).contains(&("eviction".to_owned(), "wrong".to_owned())), "{answer}");
    let mends = answer["findings"].as_array().expect("findings").iter().filter(|one| one["grade"] != "ok");
    assert!(mends.into_iter().all(|one| one["mend"].as_str().is_some_and(|mend| !mend.is_empty())));
    cli.environment.push(("REDIS_URL", "redis://127.0.0.1:1".to_owned()));
    cli.environment.push(("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none".to_owned()));
    let (code, answer) = cli.json(&["doctor"]).await?;
    assert_eq!((code, &answer["wrong"]), (1, &json!(2)), "{answer}");
    worker.stop().await
}

#[tokio::test]
async fn whoever_watches_sees_what_happens_at_once() -> anyhow::Result<()> {
    let system = System::start_with(&SinkOptions::default()).await?;
    let client = system.serve().await?;
    let cli = Cli::on(&system, &client);
    let worker = system.work()?;
    let mut command = cli.command(&["tail", "--count", "1", "--json"])?;
    let mut watching = command.stdout(Stdio::piped()).spawn()?;
    // Who watches is told from now on, not what was before: something happens until it is seen.
    let mut sent = Vec::new();
    let since = std::time::Instant::now();
    while watching.try_wait()?.is_none() {
        if since.elapsed().as_secs() > 60 {
            watching.kill()?;
            anyhow::bail!("it has seen nothing");
        }
        sent.push(system.message("ann@recipients.example").await?);
        system.until_state(sent[sent.len() - 1], domain::messages::MessageState::Accepted).await;
    }
    let output = watching.wait_with_output()?;
    assert!(output.status.success(), "{}", output.status);
    let seen: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(seen["outcome"], "accepted");
    assert!(sent.iter().any(|id| seen["message"] == id.to_string()), "{seen}");
    worker.stop().await
}

#[tokio::test]
async fn an_operator_stops_repairs_and_resumes_from_the_command_line() -> anyhow::Result<()> {
    let system = System::start_with(&SinkOptions::default()).await?;
    let client = system.serve().await?;
    let cli = Cli::on(&system, &client);
    let tenant = system.tenant.to_string();
    for arguments in [
        &["queue", "pause", "--reason", "a look"][..],
        &["queue", "resume"],
        &["queue", "retry-failed"],
        &["queue", "clear-failed", "--class", "mailbox"],
        &["queue", "uncertain"],
        &["stats"],
        &["suppressions", "add", "gone@recipients.example", "--reason", "complaint"],
        &["suppressions", "get", "gone@recipients.example"],
        &["suppressions", "lift", "gone@recipients.example"],
        &["messages", "cancel", "--tag", "spring"],
        &["tenants", "list"],
        &["keys", "list", "--tenant", &tenant],
        &["senders", "list", "--tenant", &tenant],
        &["tenants", "pause", &tenant],
        &["tenants", "resume", &tenant],
        &["limits", "list", "--tenant", &tenant],
    ] {
        let (code, answer) = cli.json(arguments).await?;
        assert_eq!(code, 0, "{arguments:?}: {answer}");
        assert!(answer.is_object() && answer.get("stderr").is_none(), "{arguments:?}: {answer}");
        let plain = cli.run(arguments).await?;
        assert!(plain.status.success() || arguments.contains(&"lift"), "{arguments:?}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = cli.run(&["completions", shell]).await?;
        assert!(script.status.success() && String::from_utf8_lossy(&script.stdout).contains("retry-failed"), "{shell}");
    }
    Ok(())
}
