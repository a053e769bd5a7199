use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use reqwest::Client;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::BenchResult;
use super::cost::Meter;
use super::statistics::{quantile, rounded};
use crate::stack::{Stack, StackPlan};

const PLAN: StackPlan = StackPlan {
    label: "bench-pickup",
    tenants: 1,
    senders_per_tenant: 0,
    connections_per_sender: 0,
    sink_answers_after_ms: 0,
    workers: 1,
    supervised: false,
};
const CONNECTIONS: u32 = 2;
/// A session of Postgres tells what it did before for up to ten seconds after.
const SETTLE: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(5);
const P50_MAX_MS: f64 = 5.0;
const P99_MAX_MS: f64 = 20.0;
const IDLE_CORE_MAX: f64 = 0.01;
const IDLE_STATEMENTS_MAX: f64 = 5.0;

#[derive(Args)]
pub struct PickupBench {
    /// Messages, one after another.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(10..=10_000))]
    messages: u32,
    /// How long the idle fleet is watched.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    idle_seconds: u64,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

impl PickupBench {
    pub async fn run(&self) -> anyhow::Result<BenchResult> {
        Stack::with(&PLAN, async |stack| self.measure(stack).await).await
    }

    async fn measure(&self, stack: &mut Stack) -> anyhow::Result<BenchResult> {
        let (smtp, mut begun) = note_mail_from(stack.sink.smtp).await?;
        let tenant = stack.stores.create_tenant().await?;
        stack.create_sender(&tenant, smtp, CONNECTIONS).await?;
        let (idle_cores, idle_statements) = self.idle(stack).await?;
        let idle_core: f64 = idle_cores.values().sum();
        let client = Client::new();
        let mut waits_ms = Vec::new();
        for number in 0..self.messages {
            waits_ms.push(once(stack, &client, number, &mut begun).await?);
        }
        let (p50, p99) = (quantile(&waits_ms, 0.5), quantile(&waits_ms, 0.99));
        let answer = json!({
            "messages": self.messages,
            "accepted_to_mail_from_ms": {"p50": rounded(p50), "p99": rounded(p99), "max": rounded(quantile(&waits_ms, 1.0))},
            "idle_core_share": rounded(idle_core),
            "idle_core_share_of": idle_cores.into_iter().map(|(name, share)| (name, rounded(share))).collect::<BTreeMap<_, _>>(),
            "idle_postgres_statements_per_s": rounded(idle_statements),
        });
        let quick = p50 <= P50_MAX_MS && p99 <= P99_MAX_MS;
        let holds = quick && idle_core < IDLE_CORE_MAX && idle_statements < IDLE_STATEMENTS_MAX;
        Ok(BenchResult { answer, holds })
    }

    /// What the fleet and both stores cost with nothing to do: part of a core by process, and statements a second.
    async fn idle(&self, stack: &Stack) -> anyhow::Result<(BTreeMap<&'static str, f64>, f64)> {
        tokio::time::sleep(SETTLE).await;
        let (before, since) = (Meter::read(stack).await?, Instant::now());
        tokio::time::sleep(Duration::from_secs(self.idle_seconds)).await;
        let (after, seconds) = (Meter::read(stack).await?, since.elapsed().as_secs_f64());
        let cores = after.cpu_s_since(&before).into_iter().map(|(name, used)| (name, used / seconds)).collect();
        Ok((cores, after.transactions_since(&before) as f64 / seconds))
    }
}

/// Milliseconds from having the 202 to MAIL FROM.
async fn once(
    stack: &Stack,
    client: &Client,
    number: u32,
    begun: &mut mpsc::UnboundedReceiver<Instant>,
) -> anyhow::Result<f64> {
    let sender = &stack.senders[0];
    let message = json!({"sender": sender.id, "to": format!("u{number}@d.test"), "subject": "Hi", "text": "Hello"});
    let asked = client.post(format!("{}/v1/messages", stack.api_url())).header("x-api-key", &sender.key).json(&message);
    asked.send().await?.error_for_status()?;
    let answered = Instant::now();
    let at = tokio::time::timeout(PATIENCE, begun.recv()).await.context("it was not picked up")?.context("a relay")?;
    Ok(at.saturating_duration_since(answered).as_secs_f64() * 1_000.0)
}

/// A relay before the sink that tells when a client says MAIL FROM, by this process's clock.
async fn note_mail_from(sink: SocketAddr) -> anyhow::Result<(SocketAddr, mpsc::UnboundedReceiver<Instant>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let (address, (tell, told)) = (listener.local_addr()?, mpsc::unbounded_channel());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(relay(client, sink, tell.clone()));
        }
    });
    Ok((address, told))
}

async fn relay(client: TcpStream, sink: SocketAddr, tell: mpsc::UnboundedSender<Instant>) -> std::io::Result<()> {
    let server = TcpStream::connect(sink).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((mut said, mut hears), (mut answers, mut asked)) = (client.into_split(), server.into_split());
    tokio::spawn(async move { copy(&mut answers, &mut hears).await });
    let mut chunk = [0; 16 * 1024];
    loop {
        let count = said.read(&mut chunk).await?;
        if count == 0 {
            return asked.shutdown().await;
        }
        if chunk[..count].starts_with(b"MAIL FROM") {
            let _ = tell.send(Instant::now());
        }
        asked.write_all(&chunk[..count]).await?;
    }
}
