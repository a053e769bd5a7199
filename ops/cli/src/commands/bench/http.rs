use std::time::Duration;

use anyhow::Context;
use clap::Args;
use reqwest::Client;
use serde_json::{Value, json};

use super::BenchResult;
use super::bulk::content;
use super::cost::Meter;
use super::http_load::{HttpLoad, HttpTimes, on_loopback};
use super::statistics::{quantile, rounded};
use crate::stack::{Stack, StackPlan};

const PLAN: StackPlan = StackPlan {
    label: "bench-http",
    tenants: 1,
    senders_per_tenant: 50,
    connections_per_sender: 2,
    sink_answers_after_ms: 0,
    workers: 0,
    supervised: false,
};
const WARM_UP: Duration = Duration::from_secs(1);
const DOMAINS: u64 = 50;

#[derive(Args)]
pub struct HttpBench {
    /// Connections, each with one request at a time.
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    connections: u32,
    /// How long.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Messages in a request; more than one go to the batch route, with a stored content.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    batch: u32,
    /// Another service instead of ours, to compare with: it takes `to`, `subject` and `html` (loopback only).
    #[arg(long)]
    url: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

impl HttpBench {
    pub async fn run(&self) -> anyhow::Result<BenchResult> {
        let (times, cost) = match &self.url {
            Some(url) => {
                let (address, path) = on_loopback(url)?;
                let body = |number| format!("{{{}}}", plain(number));
                let load =
                    HttpLoad { address, path, key: None, connections: self.connections, lasts: self.lasts(), body };
                (load.run().await?, None)
            }
            None => Stack::with(&PLAN, async |stack| self.ask(stack).await).await?,
        };
        let requests = times.took_s.len() as f64;
        let ms = |part| rounded(quantile(&times.took_s, part) * 1_000.0);
        let answer = json!({
            "connections": self.connections,
            "batch": self.batch,
            "requests_per_s": (requests / times.lasted_s).round(),
            "messages_per_s": (requests * f64::from(self.batch) / times.lasted_s).round(),
            "p50_ms": ms(0.5),
            "p99_ms": ms(0.99),
            "cost": cost,
        });
        Ok(BenchResult { answer, holds: true })
    }

    fn lasts(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    async fn ask(&self, stack: &mut Stack) -> anyhow::Result<(HttpTimes, Option<Value>)> {
        self.load(stack, WARM_UP, "w").await?;
        let before = Meter::read(stack).await?;
        let times = self.load(stack, self.lasts(), "m").await?;
        let cost = Meter::read(stack).await?.since(&before, times.took_s.len() as u64 * u64::from(self.batch));
        Ok((times, Some(cost)))
    }

    async fn load(&self, stack: &Stack, lasts: Duration, name: &'static str) -> anyhow::Result<HttpTimes> {
        let senders: Vec<String> = stack.senders.iter().map(|sender| sender.id.to_string()).collect();
        let key = stack.senders[0].key.clone();
        let (address, _) = on_loopback(&stack.api_url())?;
        let (connections, batch) = (self.connections, u64::from(self.batch));
        // Who sends it, and what tells it from all others.
        let ours = move |number: u64| {
            format!(r#""sender":"{}","dedupe_key":"{name}{number}""#, senders[number as usize % senders.len()])
        };
        if batch == 1 {
            let body = move |number| format!("{{{},{}}}", ours(number), plain(number));
            return HttpLoad { address, path: "/v1/messages".to_owned(), key: Some(key), connections, lasts, body }
                .run()
                .await;
        }
        let stored: Value = Client::new()
            .post(format!("{}/v1/contents", stack.api_url()))
            .header("x-api-key", &key)
            .json(&json!({"subject": content().subject, "html": content().html}))
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        let content = stored["id"].as_str().context("a stored content has an id")?.to_owned();
        let body = move |number: u64| {
            let message = |at| {
                let number = number * batch + at;
                let data = format!(r#"{{"name":"Ann","company":"Acme","u":"https://x.test/u/{at}"}}"#);
                format!(r#"{{{},{},"content":"{content}","data":{data}}}"#, ours(number), recipient(number))
            };
            format!(r#"{{"messages":[{}]}}"#, (0..batch).map(message).collect::<Vec<_>>().join(","))
        };
        HttpLoad { address, path: "/v1/messages/batch".to_owned(), key: Some(key), connections, lasts, body }
            .run()
            .await
    }
}

/// What both services are sent. Written by hand, as the requests are: the load must not take what it measures.
fn plain(number: u64) -> String {
    let html = "<p>Hi Ann,</p><p>We noticed Acme ...</p><p>lorem ipsum dolor sit amet Ann</p>";
    format!(r#"{},"subject":"Hi Ann, about Acme","html":"{html}""#, recipient(number))
}

fn recipient(number: u64) -> String {
    format!(r#""to":"u{number}@d{}.test""#, number % DOMAINS)
}
