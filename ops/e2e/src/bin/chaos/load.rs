//! Messages over HTTP for as long as the run goes: half of them alone under an `Idempotency-Key`, half in batches with
//! dedupe keys. Whatever is not answered with a 2xx is asked again, and only a 2xx counts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::arena::{Arena, Sender};

/// What was promised about a message.
#[derive(Debug, Clone)]
pub struct Promise {
    pub to: String,
    pub from: String,
}

/// By message id.
pub type Promises = Arc<Mutex<HashMap<String, Promise>>>;

/// As many come at once as would come in this time: a fleet that is never behind has nothing in hand to lose.
const WAVE: Duration = Duration::from_secs(2);
const BATCH: u32 = 10;
const REQUESTS_AT_ONCE: usize = 16;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// Offers the messages evenly over `time`, in waves.
pub async fn offer(arena: Arc<Arena>, messages: u32, time: Duration, promises: Promises) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().timeout(REQUEST_TIMEOUT).build()?;
    let slots = Arc::new(Semaphore::new(REQUESTS_AT_ONCE));
    let waves = (time.as_secs_f64() / WAVE.as_secs_f64()).ceil().max(1.0) as u32;
    let (begun, mut requests) = (Instant::now(), JoinSet::new());
    for wave in 0..waves {
        let (from, to) = (messages * wave / waves, messages * (wave + 1) / waves);
        for numbers in units(from, to) {
            let (arena, client, promises) = (Arc::clone(&arena), client.clone(), Arc::clone(&promises));
            let slots = Arc::clone(&slots);
            requests.spawn(async move { insist(&arena, &client, &slots, &numbers, &promises).await });
        }
        tokio::time::sleep_until(begun + WAVE * (wave + 1)).await;
    }
    while let Some(done) = requests.join_next().await {
        done??;
    }
    Ok(())
}

/// Single messages and batches in turn.
fn units(from: u32, to: u32) -> Vec<Vec<u32>> {
    let numbers: Vec<u32> = (from..to).collect();
    let (alone, together) = numbers.split_at(numbers.len() / 2);
    alone.iter().map(|number| vec![*number]).chain(together.chunks(BATCH as usize).map(<[u32]>::to_vec)).collect()
}

/// Asks until every one of them is accepted.
async fn insist(
    arena: &Arena,
    client: &reqwest::Client,
    slots: &Semaphore,
    numbers: &[u32],
    promises: &Promises,
) -> anyhow::Result<()> {
    let place = numbers.first().context("a unit has messages")? / BATCH;
    let at = place as usize % arena.senders.len();
    let sender = &arena.senders[at];
    loop {
        // Not held while it waits: a request that died in the middle keeps its key for half a minute.
        let slot = slots.acquire().await?;
        if let Some(ids) = ask(arena, client, sender, at, numbers).await? {
            let mut promises = promises.lock().unwrap_or_else(PoisonError::into_inner);
            for (number, id) in numbers.iter().zip(ids) {
                promises.insert(id, Promise { to: recipient(*number, at), from: sender.address.clone() });
            }
            arena.signals.answered(numbers.len());
            return Ok(());
        }
        drop(slot);
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// The ids, if all were accepted; `None`: to be asked again. A refusal is an error: nothing asked here is wrong.
async fn ask(
    arena: &Arena,
    client: &reqwest::Client,
    sender: &Sender,
    at: usize,
    numbers: &[u32],
) -> anyhow::Result<Option<Vec<String>>> {
    let mut messages: Vec<Value> = numbers.iter().map(|number| message(sender, at, *number)).collect();
    let alone = numbers.len() == 1;
    if !alone {
        for (number, message) in numbers.iter().zip(&mut messages) {
            message["dedupe_key"] = json!(format!("chaos-{number}"));
        }
    }
    let (path, body) =
        if alone { ("messages", messages[0].clone()) } else { ("messages/batch", json!({"messages": messages})) };
    let mut request = client.post(format!("{}/v1/{path}", arena.api_url)).header("X-API-Key", &sender.key).json(&body);
    if alone {
        request = request.header("Idempotency-Key", format!("chaos-{}", numbers[0]));
    }
    let Ok(answer) = request.send().await else { return Ok(None) };
    let status = answer.status();
    let Ok(body) = answer.json::<Value>().await else { return Ok(None) };
    if status.is_server_error() || matches!(status, StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS) {
        return Ok(None);
    }
    if !status.is_success() {
        bail!("the API refused {path}: {status} {body}");
    }
    let items: Vec<&Value> = if alone { vec![&body] } else { body["data"].as_array().into_iter().flatten().collect() };
    let ids: Vec<String> = items.iter().filter_map(|item| Some(item["id"].as_str()?.to_owned())).collect();
    anyhow::ensure!(ids.len() == numbers.len(), "the API answered {status} for {} messages: {body}", numbers.len());
    Ok(Some(ids))
}

fn message(sender: &Sender, at: usize, number: u32) -> Value {
    json!({
        "sender": sender.id,
        "to": recipient(number, at),
        "subject": "Hello {{name}}",
        "html": "<p>Hello {{name}},</p><p>this is message {{number}}.</p>",
        "data": {"name": format!("Person {number}"), "number": number},
    })
}

/// Each recipient gets one message: the sink's log shows by that alone what came twice.
fn recipient(number: u32, sender: usize) -> String {
    format!("person{number}@s{sender}.recipients.example")
}
