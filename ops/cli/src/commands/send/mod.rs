//! `postfleet send`: one message, or a file of them.

mod recipients;

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use domain::ids::{ContentId, SenderId};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::client::{ApiConnection, describe};
use crate::output::OutputOptions;
use crate::progress;
use recipients::{Recipients, read_line};

/// Messages in one request, and about how many bytes.
const BATCH: usize = 500;
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Refused lines that are told; the rest is only counted.
const PROBLEMS_MAX: usize = 100;

/// Examples:
///   postfleet send --sender snd_… --to ann@example.com --subject "Hello" --text "Hello Ann"
///   postfleet send --sender snd_… --file people.csv --subject "Hello {{name}}" --html-file hello.html
///
/// A file is CSV with a header line (a column `to`, all others are merge data), or one message per line as JSON (.ndjson,
/// .jsonl). Sending the same file again sends nothing twice.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct SendOptions {
    #[arg(long)]
    sender: Option<SenderId>,
    /// One recipient.
    #[arg(long, conflicts_with = "file", required_unless_present = "file")]
    to: Option<String>,
    /// Many: .csv, .ndjson or .jsonl.
    #[arg(long)]
    file: Option<PathBuf>,
    /// Handlebars.
    #[arg(long)]
    subject: Option<String>,
    /// Handlebars.
    #[arg(long, conflicts_with = "html_file")]
    html: Option<String>,
    #[arg(long)]
    html_file: Option<PathBuf>,
    /// Handlebars.
    #[arg(long, conflicts_with = "text_file")]
    text: Option<String>,
    #[arg(long)]
    text_file: Option<PathBuf>,
    /// A stored template instead.
    #[arg(long, conflicts_with_all = ["subject", "html", "html_file", "text", "text_file"])]
    content: Option<ContentId>,
    /// Merge data as a JSON object; a file's columns go on top.
    #[arg(long, value_parser = parse_object)]
    data: Option<Map<String, Value>>,
    #[arg(long)]
    tag: Vec<String>,
    /// When, as RFC 3339; now where nothing is said.
    #[arg(long)]
    send_at: Option<String>,
    /// A second message with the same key is not sent. Lines of a file have one by default: of the file and the line.
    #[arg(long)]
    dedupe_key: Option<String>,
    #[command(flatten)]
    api: ApiConnection,
    #[command(flatten)]
    output: OutputOptions,
}

pub async fn run(options: SendOptions) -> anyhow::Result<ExitCode> {
    let common = common(&options)?;
    match (&options.to, &options.file) {
        (Some(to), _) => {
            let mut message = common;
            message.insert("to".to_owned(), json!(to));
            if let Some(key) = &options.dedupe_key {
                message.insert("dedupe_key".to_owned(), json!(key));
            }
            options.output.print(&options.api.post("/v1/messages", &Value::Object(message)).await?);
            Ok(ExitCode::SUCCESS)
        }
        (None, Some(file)) => send_file(&options, file, &common).await,
        (None, None) => anyhow::bail!("give --to or --file"),
    }
}

/// What all messages of this call have.
fn common(options: &SendOptions) -> anyhow::Result<Map<String, Value>> {
    let part = |given: &Option<String>, file: &Option<PathBuf>| -> anyhow::Result<Option<String>> {
        match (given, file) {
            (Some(text), _) => Ok(Some(text.clone())),
            (None, Some(file)) => Ok(Some(std::fs::read_to_string(file).with_context(|| file.display().to_string())?)),
            (None, None) => Ok(None),
        }
    };
    let fields = [
        ("sender", options.sender.map(|sender| json!(sender))),
        ("content", options.content.map(|content| json!(content))),
        ("subject", options.subject.clone().map(Value::from)),
        ("html", part(&options.html, &options.html_file)?.map(Value::from)),
        ("text", part(&options.text, &options.text_file)?.map(Value::from)),
        ("data", options.data.clone().map(Value::from)),
        ("tags", (!options.tag.is_empty()).then(|| json!(options.tag))),
        ("send_at", options.send_at.clone().map(Value::from)),
    ];
    Ok(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
}

/// A template that all have is stored once, and not repeated in every message.
async fn with_stored_template(api: &ApiConnection, common: &Map<String, Value>) -> anyhow::Result<Map<String, Value>> {
    let mut common = common.clone();
    let written: Map<String, Value> =
        ["subject", "html", "text"].into_iter().filter_map(|part| common.remove_entry(part)).collect();
    let is_whole = written.contains_key("subject") && written.len() > 1;
    if is_whole {
        let stored = api.post("/v1/contents", &Value::Object(written)).await?;
        common.insert("content".to_owned(), stored["id"].clone());
    } else {
        common.extend(written);
    }
    Ok(common)
}

/// What became of a file.
#[derive(Default)]
struct Sent {
    accepted: u64,
    existing: u64,
    refused: u64,
    problems: Vec<Value>,
}

async fn send_file(options: &SendOptions, file: &PathBuf, common: &Map<String, Value>) -> anyhow::Result<ExitCode> {
    let (mut recipients, bytes) = Recipients::open(file)?;
    let common = &with_stored_template(&options.api, common).await?;
    let prefix = match &options.dedupe_key {
        Some(key) => key.clone(),
        None => format!("file:{}", hash_of(file)?),
    };
    let bar = progress::through(bytes);
    let mut sent = Sent::default();
    let (mut batch, mut batch_bytes) = (Vec::with_capacity(BATCH), 0);
    while let Some((line, text)) = recipients.next_line()? {
        match read_line(&mut recipients, &text, common) {
            Ok(None) => continue,
            Ok(Some(mut message)) => {
                message.entry("dedupe_key").or_insert_with(|| json!(format!("{prefix}:{line}")));
                batch_bytes += text.len();
                batch.push((line, Value::Object(message)));
            }
            Err(problem) => sent.refuse(line, &problem),
        }
        if batch.len() == BATCH || batch_bytes > BATCH_BYTES {
            batch_bytes = 0;
            send_batch(&options.api, &mut batch, &mut sent).await?;
            bar.set_position(recipients.read_bytes());
            bar.set_message(format!("{} accepted, {} refused", sent.accepted + sent.existing, sent.refused));
        }
    }
    send_batch(&options.api, &mut batch, &mut sent).await?;
    bar.finish_and_clear();
    options.output.print(&json!({
        "accepted": sent.accepted, "existing": sent.existing, "refused": sent.refused, "problems": sent.problems,
    }));
    Ok(if sent.refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn send_batch(api: &ApiConnection, batch: &mut Vec<(u64, Value)>, sent: &mut Sent) -> anyhow::Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let (lines, messages): (Vec<u64>, Vec<Value>) = std::mem::take(batch).into_iter().unzip();
    let request = api.request(reqwest::Method::POST, "/v1/messages/batch").json(&json!({"messages": messages}));
    let told = api.results(request).await.context("send the file again: nothing is sent twice")?;
    let results = told["data"].as_array().context("the answer has no results")?;
    for (line, result) in lines.into_iter().zip(results) {
        match describe(result) {
            Some(problem) => sent.refuse(line, &problem),
            None if result["existing"] == true => sent.existing += 1,
            None => sent.accepted += 1,
        }
    }
    Ok(())
}

impl Sent {
    fn refuse(&mut self, line: u64, problem: &str) {
        self.refused += 1;
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(json!({"line": line, "problem": problem}));
        }
    }
}

fn hash_of(file: &PathBuf) -> anyhow::Result<String> {
    let mut opened = std::fs::File::open(file)?;
    let (mut hash, mut piece) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        let read = opened.read(&mut piece)?;
        if read == 0 {
            let digest: [u8; 32] = hash.finalize().into();
            return Ok(hex::encode(&digest[..16]));
        }
        hash.update(&piece[..read]);
    }
}

fn parse_object(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}
