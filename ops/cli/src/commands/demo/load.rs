use std::ops::Range;
use std::time::Duration;

use anyhow::Context;
use futures::StreamExt;
use serde_json::{Value, json};

use crate::stack::StackSender;

const BATCH: u32 = 50;
const REQUESTS_AT_ONCE: usize = 4;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Enqueues messages over HTTP, in batches, round the senders.
pub async fn enqueue(api: String, senders: Vec<StackSender>, numbers: Range<u32>) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).build()?;
    let batches = numbers.clone().step_by(BATCH as usize).map(|from| {
        let sender = &senders[(from / BATCH) as usize % senders.len()];
        post(client.clone(), format!("{api}/v1/messages/batch"), sender, from..(from + BATCH).min(numbers.end))
    });
    let mut posted = futures::stream::iter(batches).buffer_unordered(REQUESTS_AT_ONCE);
    while let Some(result) = posted.next().await {
        result?;
    }
    Ok(())
}

async fn post(client: reqwest::Client, url: String, sender: &StackSender, range: Range<u32>) -> anyhow::Result<()> {
    let wanted = range.len();
    let messages: Vec<Value> = range
        .map(|number| {
            json!({
                "sender": sender.id,
                "to": format!("person{number}@recipients.example"),
                "subject": "Hello {{name}}, about {{company}}",
                "html": "<p>Hello {{name}},</p><p>this is message {{number}} to {{company}}.</p>",
                "data": {"name": format!("Person {number}"), "company": "Example & Co", "number": number},
                "dedupe_key": format!("demo-{number}"),
            })
        })
        .collect();
    let answer = client.post(url).header("X-API-Key", &sender.key).json(&json!({"messages": messages})).send().await?;
    let status = answer.status();
    let body: Value = answer.json().await.context("the API answered something else than JSON")?;
    let stored = body["data"].as_array().map_or(0, |items| items.iter().filter(|item| item["id"].is_string()).count());
    anyhow::ensure!(status == 202 && stored == wanted, "the API took {stored} of {wanted}: {status} {body}");
    Ok(())
}
