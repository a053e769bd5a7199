use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use futures::StreamExt;
use reqwest::Method;
use serde_json::json;

use crate::client::{ApiConnection, escaped};
use crate::output::OutputOptions;
use crate::upload::upload;

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
            let done = upload(api, "/v1/suppressions/import", &[], &file).await?;
            output.print(&done);
            anyhow::ensure!(done["refused"] == 0, "some lines were left out");
        }
        SuppressionsCommand::Export => {
            let format = if output.json { "ndjson" } else { "csv" };
            let request = api.request(Method::GET, &format!("/v1/suppressions/export?format={format}"));
            let mut chunks = api.send(request).await?.bytes_stream();
            let mut out = std::io::stdout().lock();
            while let Some(chunk) = chunks.next().await {
                let chunk = chunk.context("the stream broke off: what was written is not all")?;
                // Who closes the other end has seen enough.
                if out.write_all(&chunk).is_err() {
                    break;
                }
            }
        }
    }
    Ok(())
}
