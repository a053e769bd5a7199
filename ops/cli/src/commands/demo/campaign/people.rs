use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use domain::ids::MessageId;
use futures::StreamExt;
use rand::Rng;
use rand::rngs::StdRng;
use reqwest::Client;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::stack::Stack;

const AT_ONCE: usize = 8;
/// Told as often, as providers do.
const TELLINGS: usize = 2;
/// An event that nobody would take, because Postgres or Redis was away, is told again until then.
const TELL_WITHIN: Duration = Duration::from_secs(30);

/// Who gets a mail and does something about it, sooner or later.
pub struct People<'a> {
    http: &'a Client,
    stack: &'a Stack,
    rng: StdRng,
    connection: PgConnection,
    known: HashSet<Uuid>,
    /// What will be done, by when.
    to_do: BTreeMap<(Instant, u64), Value>,
    number: u64,
    told: u64,
}

impl<'a> People<'a> {
    pub async fn new(http: &'a Client, stack: &'a Stack, rng: StdRng) -> anyhow::Result<Self> {
        let connection = PgConnection::connect(&stack.stores.database_url).await?;
        let (known, to_do) = (HashSet::new(), BTreeMap::new());
        Ok(Self { http, stack, rng, connection, known, to_do, number: 0, told: 0 })
    }

    pub fn are_done(&self) -> bool {
        self.to_do.is_empty()
    }

    pub fn told(&self) -> u64 {
        self.told
    }

    /// Reads new mail, and does what is due.
    pub async fn act(&mut self) -> anyhow::Result<()> {
        let accepted: Vec<Uuid> =
            sqlx::query_scalar("SELECT message_id FROM message_runs WHERE state = 'accepted' ORDER BY message_id")
                .fetch_all(&mut self.connection)
                .await?;
        for message in accepted {
            if self.known.insert(message) {
                self.decide(message);
            }
        }
        let now = Instant::now();
        let later = self.to_do.split_off(&(now, u64::MAX));
        let due = std::mem::replace(&mut self.to_do, later);
        let (http, url, key) = (self.http, format!("{}/v1/events", self.stack.api_url()), &self.stack.senders[0].key);
        let tell = |event: Value| {
            let url = url.clone();
            async move {
                for _ in 0..TELLINGS {
                    tell(http, &url, key, &event).await?;
                }
                anyhow::Ok(())
            }
        };
        self.told += due.len() as u64;
        let mut telling = futures::stream::iter(due.into_values().map(tell)).buffer_unordered(AT_ONCE);
        while let Some(told) = telling.next().await {
            told?;
        }
        Ok(())
    }

    fn decide(&mut self, message: Uuid) {
        let roll: f64 = self.rng.random();
        let mut acts: Vec<(&str, f64)> = Vec::new();
        match roll {
            ..0.04 => acts.push(("bounce", 0.5)),
            ..0.08 => acts.push(("conversion", 4.0)),
            ..0.10 => acts.push(("unsubscribe", 3.0)),
            ..0.25 => acts.extend([("open", 2.0), ("click", 5.0)]),
            ..0.45 => acts.push(("open", 6.0)),
            // Just when the timer comes.
            ..0.55 => acts.push(("open", 12.0)),
            _ => {}
        }
        for (kind, mean) in acts {
            let after = Duration::from_secs_f64(mean * self.rng.random_range(0.5..1.5));
            self.number += 1;
            let event =
                json!({"type": kind, "message_id": MessageId(message), "event_id": format!("e{}", self.number)});
            self.to_do.insert((Instant::now() + after, self.number), event);
        }
    }
}

async fn tell(http: &Client, url: &str, key: &str, event: &Value) -> anyhow::Result<()> {
    let since = Instant::now();
    loop {
        let answer = http.post(url).header("x-api-key", key).json(event).send().await;
        match answer {
            Ok(answer) if answer.status() == 202 => return Ok(()),
            Ok(answer) if !answer.status().is_server_error() && answer.status() != 429 => {
                anyhow::bail!("{event}: {} {}", answer.status(), answer.text().await?);
            }
            _ => anyhow::ensure!(since.elapsed() < TELL_WITHIN, "{event} could not be told"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
