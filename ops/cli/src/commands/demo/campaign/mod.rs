//! A campaign in compressed time: contacts open, click, bounce, convert or do nothing, workers are killed and Redis is
//! emptied, and at the end the pure engine is asked what should have come of it.

mod disturb;
mod people;
mod replay;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use domain::ids::CampaignId;
use rand::SeedableRng;
use rand::rngs::StdRng;
use reqwest::Client;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::output::say;
use crate::stack::{Stack, StackPlan};
use disturb::Disturbances;
use people::People;

#[derive(Args, Clone)]
pub struct CampaignDemoOptions {
    /// Contacts that run through the plan.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(50..=20_000))]
    contacts: u32,
    /// Decides who does what, and which workers are killed when.
    #[arg(long)]
    seed: Option<u64>,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

const PLAN: StackPlan = StackPlan {
    label: "demo-campaign",
    tenants: 1,
    senders_per_tenant: 4,
    connections_per_sender: 16,
    sink_answers_after_ms: 10,
    workers: 3,
    supervised: true,
};
const PATIENCE: Duration = Duration::from_secs(240);
/// Nothing moved for so long: what is left waits for an answer that was lost.
const STILL: Duration = Duration::from_secs(40);

/// Five nodes, with days as seconds: an offer, a second try, a way for who clicks, thanks, and the end.
fn plan() -> Value {
    let body = |text: &str| {
        format!("<p>{text} {{{{default name \"you\"}}}}. <a href=\"{{{{unsubscribe_url}}}}\">No more</a></p>")
    };
    let send = |id: &str, ways: Value| json!({"id": id, "action": "send", "subject": format!("{id} for {{{{default name \"you\"}}}}"), "body": body(id), "transitions": ways});
    json!({"version": 1, "startNodeId": "offer", "nodes": [
        send("offer", json!([{"on": "clicked", "to": "thanks"}, {"on": "opened", "to": "pause"},
                             {"on": "no_open", "to": "again", "after": "PT12S"}])),
        send("again", json!([{"on": "clicked", "to": "thanks"}, {"on": "no_click", "to": "end", "after": "PT10S"}])),
        json!({"id": "pause", "action": "wait", "schedule": {"delay": "PT6S"},
               "transitions": [{"on": "clicked", "to": "thanks"}, {"on": "elapsed", "to": "again"}]}),
        send("thanks", json!([{"on": "elapsed", "to": "end", "after": "PT5S"}])),
        json!({"id": "end", "action": "stop"}),
    ]})
}

pub async fn run(options: CampaignDemoOptions) -> anyhow::Result<ExitCode> {
    let seed = options.seed.unwrap_or_else(|| u64::from_le_bytes(runtime::ids::secret_bytes()));
    eprintln!("seed {seed}: repeat this run with --seed {seed}");
    let verdict = Stack::with(&PLAN, async |stack| drive(&options, stack, seed).await).await?;
    let holds = ["mismatches", "lost", "duplicates"].iter().all(|name| verdict[*name] == 0);
    if options.json {
        say(&verdict);
    } else {
        for (name, value) in verdict.as_object().into_iter().flatten() {
            say(format_args!("{name:<28} {value}"));
        }
        say(if holds { "Everybody stands where the engine says." } else { "THIS RUN DOES NOT SHOW WHAT IT SHOULD." });
    }
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn drive(options: &CampaignDemoOptions, stack: &Stack, seed: u64) -> anyhow::Result<Value> {
    let since = Instant::now();
    let http = Client::builder().timeout(Duration::from_secs(30)).build()?;
    let campaign = start(&http, stack).await?;
    enroll(&http, stack, campaign, options.contacts).await?;
    eprintln!("{} contacts are enrolled after {:.1} s", options.contacts, since.elapsed().as_secs_f64());

    let mut people = People::new(&http, stack, StdRng::seed_from_u64(seed)).await?;
    let mut disturbances = Disturbances::new(stack, StdRng::seed_from_u64(seed ^ 1), options.contacts);
    let mut connection = PgConnection::connect(&stack.stores.database_url).await?;
    let (mut last, mut moved) = (0, Instant::now());
    loop {
        people.act().await?;
        disturbances.act(&mut connection).await?;
        let (steps, active): (i64, i64) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM transitions) + (SELECT count(*) FROM message_runs WHERE state = 'accepted'),
                    (SELECT count(*) FROM enrollments WHERE state = 'active')",
        )
        .fetch_one(&mut connection)
        .await?;
        if steps != last {
            (last, moved) = (steps, Instant::now());
        }
        if active == 0 && people.are_done() || moved.elapsed() > STILL {
            break;
        }
        anyhow::ensure!(since.elapsed() < PATIENCE, "{active} contacts came to no end");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let took = since.elapsed();
    let judged = replay::judge(stack, &mut connection).await.context("judging")?;
    let ended: Vec<(String, i64)> =
        sqlx::query_as("SELECT state, count(*) FROM enrollments GROUP BY state ORDER BY state")
            .fetch_all(&mut connection)
            .await?;
    Ok(json!({
        "seed": seed,
        "contacts": options.contacts,
        "mismatches": judged.mismatches,
        "lost": judged.lost,
        "duplicates": judged.duplicates,
        "messages": judged.messages,
        "uncertain": judged.uncertain,
        "events_told": people.told(),
        "states": ended.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        "workers_killed": disturbances.killed,
        "redis_emptied": disturbances.emptied,
        "seconds": took.as_secs(),
    }))
}

async fn start(http: &Client, stack: &Stack) -> anyhow::Result<CampaignId> {
    let mut plan = plan();
    for (at, node) in plan["nodes"].as_array_mut().into_iter().flatten().enumerate() {
        if node["action"] == "send" {
            node["senderId"] = json!(stack.senders[at % stack.senders.len()].id);
        }
    }
    let body = json!({"name": "Demo", "plan": plan, "start": true});
    let answer = http.post(format!("{}/v1/campaigns", stack.api_url())).header("x-api-key", &stack.senders[0].key);
    let answer = answer.json(&body).send().await?;
    let (status, told): (_, Value) = (answer.status(), answer.json().await?);
    anyhow::ensure!(status == 201, "{told}");
    Ok(told["id"].as_str().context("an id")?.parse()?)
}

async fn enroll(http: &Client, stack: &Stack, campaign: CampaignId, contacts: u32) -> anyhow::Result<()> {
    let lines: String = (0..contacts)
        .map(|n| format!("{{\"email\": \"r{n}@recipients.example\", \"name\": \"Person {n}\"}}\n"))
        .collect();
    let answer = http
        .post(format!("{}/v1/campaigns/{campaign}/enrollments/bulk", stack.api_url()))
        .header("x-api-key", &stack.senders[0].key)
        .header("content-type", "application/x-ndjson")
        .body(lines)
        .send()
        .await?;
    let (status, told): (_, Value) = (answer.status(), answer.json().await?);
    anyhow::ensure!(status == 200 && told["enrolled"] == contacts, "{told}");
    Ok(())
}
