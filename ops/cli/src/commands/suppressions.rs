use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use futures::StreamExt;
use reqwest::Method;
use serde_json::json;

use crate::client::{ApiConnection, escaped};
use crate::output::OutputOptions;

#[derive(Args)]
pub struct SuppressionsOptions {
    #[command(subcommand)]
    command: SuppressionsCommand,
    #[command(flatten)]
    api: ApiConnection,
    #[command(flatten)]
    output: OutputOptions,
}

#[derive(Subcommand)]
enum SuppressionsCommand {
    /// Suppress addresses: from now on nothing is sent to them.
    Add {
        #[arg(required = true)]
        addresses: Vec<String>,
        /// unsubscribe, bounce, complaint, blocked, invalid or manual.
        #[arg(long, default_value = "manual")]
        reason: String,
    },
    /// Whether an address is suppressed, and why.
    Get { address: String },
    /// Let an address be mailed again.
    Lift { address: String },
    /// Import a file: CSV with a header line (address, reason, source), or one JSON object per line (.ndjson, .jsonl).
    Import { file: PathBuf },
    /// Write all of them to standard output as CSV, or as one JSON object per line with --json.
    Export,
}

pub async fn run(options: SuppressionsOptions) -> anyhow::Result<()> {
    let (api, output) = (&options.api, options.output);
    match options.command {
        SuppressionsCommand::Add { addresses, reason } => {
            let all: Vec<_> = addresses.iter().map(|address| json!({"address": address, "reason": reason})).collect();
            output.print(&api.post("/v1/suppressions", &json!({"suppressions": all})).await?);
        }
        SuppressionsCommand::Get { address } => {
            output.print(&api.get(&format!("/v1/suppressions/{}", escaped(&address))).await?);
        }
        SuppressionsCommand::Lift { address } => {
            api.json(api.request(Method::DELETE, &format!("/v1/suppressions/{}", escaped(&address)))).await?;
            output.print(&json!({"lifted": address}));
        }
        SuppressionsCommand::Import { file } => {
            let kind = match file.extension().and_then(|extension| extension.to_str()) {
                Some("csv") => "text/csv",
                Some("ndjson" | "jsonl") => "application/x-ndjson",
                _ => anyhow::bail!("{} ends neither in .csv nor in .ndjson or .jsonl", file.display()),
            };
            let opened = tokio::fs::File::open(&file).await.with_context(|| file.display().to_string())?;
            let body = reqwest::Body::from(opened);
            let request = api.request(Method::POST, "/v1/suppressions/import").header("Content-Type", kind).body(body);
            let done = api.json(request).await?;
            output.print(&done);
            anyhow::ensure!(done["refused"] == 0, "some lines were left out");
        }
        SuppressionsCommand::Export => {
            let format = if output.json { "ndjson" } else { "csv" };
            let request = api.request(Method::GET, &format!("/v1/suppressions/export?format={format}"));
            let mut chunks = api.send(request).await?.bytes_stream();
            let mut out = std::io::stdout().lock();
            while let Some(chunk) = chunks.next().await {
                out.write_all(&chunk.context("the stream broke off: what was written is not all")?)?;
            }
        }
    }
    Ok(())
}
