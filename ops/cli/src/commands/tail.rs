use anyhow::Context;
use clap::Args;
use futures::StreamExt;
use reqwest::Method;
use serde_json::Value;

use crate::client::ApiConnection;
use crate::output::{OutputOptions, say};

/// More without a line's end is no event of ours.
const LINE_MAX_BYTES: usize = 1024 * 1024;

#[derive(Args)]
pub struct TailOptions {
    /// Stop after so many events.
    #[arg(long)]
    count: Option<usize>,
    #[command(flatten)]
    api: ApiConnection,
    #[command(flatten)]
    output: OutputOptions,
}

pub async fn run(options: TailOptions) -> anyhow::Result<()> {
    let api = &options.api;
    let answer = api.send(api.request(Method::GET, "/v1/events/stream")).await?;
    if !options.output.json {
        eprintln!("watching; ^C ends it");
    }
    let mut chunks = answer.bytes_stream();
    let (mut line, mut seen) = (Vec::new(), 0);
    while let Some(chunk) = chunks.next().await {
        for byte in chunk.context("the stream broke off")? {
            if byte != b'\n' {
                anyhow::ensure!(line.len() < LINE_MAX_BYTES, "the stream makes no sense");
                line.push(byte);
                continue;
            }
            for event in events(&line) {
                print(&event, options.output);
                seen += 1;
                if options.count.is_some_and(|count| seen >= count) {
                    return Ok(());
                }
            }
            line.clear();
        }
    }
    anyhow::bail!("the API ended the stream")
}

/// `data: [event, …]`; other lines keep the connection alive.
fn events(line: &[u8]) -> Vec<Value> {
    line.strip_prefix(b"data:").and_then(|data| serde_json::from_slice(data).ok()).unwrap_or_default()
}

fn print(event: &Value, output: OutputOptions) {
    if output.json {
        say(event);
        return;
    }
    let text = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
    say(format_args!("{}  {:<12}  {}", text("message"), text("outcome"), event["class"].as_str().unwrap_or("")));
}
