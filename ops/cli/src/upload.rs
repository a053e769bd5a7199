use std::path::Path;

use anyhow::Context;
use futures::TryStreamExt;
use reqwest::Method;
use serde_json::Value;
use tokio_util::io::ReaderStream;

use crate::client::ApiConnection;
use crate::progress;

/// Sends a file of lines, CSV or one JSON object each, and shows how far it is.
pub async fn upload(api: &ApiConnection, path: &str, query: &[(&str, String)], file: &Path) -> anyhow::Result<Value> {
    let kind = match file.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => "text/csv",
        Some("ndjson" | "jsonl") => "application/x-ndjson",
        _ => anyhow::bail!("{} ends neither in .csv nor in .ndjson or .jsonl", file.display()),
    };
    let opened = tokio::fs::File::open(file).await.with_context(|| file.display().to_string())?;
    let bar = progress::through(opened.metadata().await?.len());
    let counted = bar.clone();
    let pieces = ReaderStream::new(opened).inspect_ok(move |piece| counted.inc(piece.len() as u64));
    let body = reqwest::Body::wrap_stream(pieces);
    let request = api.request(Method::POST, path).query(query).header("Content-Type", kind).body(body);
    let done = api.json(request).await?;
    bar.finish_and_clear();
    Ok(done)
}
