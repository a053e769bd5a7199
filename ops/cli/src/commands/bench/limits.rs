use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use domain::ids::{MessageId, SenderId, TenantId};
use domain::limits::{LimitSet, LimitTarget};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;
use sqlx::{Connection, PgConnection};

use super::BenchResult;
use super::judge::{Pressed, judge};
use super::load::Load;
use super::statistics::rounded;
use super::worker_refusals::WorkerRefusals;
use crate::stack::{Stack, StackPlan};

const PLAN: StackPlan = StackPlan {
    label: "bench-limits",
    tenants: 5,
    senders_per_tenant: 10,
    connections_per_sender: 8,
    sink_answers_after_ms: 5,
    workers: 3,
    supervised: false,
};

const GLOBAL: &str = "100/s,burst=20";
/// More than the run can send of anybody, so that everybody is pressed to the end.
const PER_SENDER: usize = 700;
/// At most so many send attempts may meet a refusal at the worker.
const REFUSALS_MAX: f64 = 0.01;

#[derive(Args)]
pub struct LimitsBench {
    /// Decides which worker is killed, when, and when Redis is emptied.
    #[arg(long)]
    seed: Option<u64>,
    /// How long the load presses.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(15..=600))]
    seconds: u64,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// What a tenant is limited by.
#[derive(Clone, Copy)]
struct TenantPlan {
    senders_used: usize,
    tenant: &'static [&'static str],
    domain: &'static [&'static str],
    sender: &'static [&'static str],
    domains: usize,
}

/// Its own limits are out of reach: the fleet's presses it.
const BY_THE_FLEET: TenantPlan = TenantPlan {
    senders_used: 10,
    tenant: &["80/s,burst=10"],
    domain: &["60/s,burst=5"],
    sender: &["30/s,burst=5"],
    domains: 8,
};
const BY_ITS_SENDERS: TenantPlan =
    TenantPlan { senders_used: 3, sender: &["4/s,burst=3", "150/min,burst=40"], ..BY_THE_FLEET };
const BY_A_DOMAIN: TenantPlan =
    TenantPlan { domain: &["5/s,burst=3"], sender: &["30/s,burst=5", "3600/h,burst=900"], domains: 3, ..BY_THE_FLEET };
const BY_ITSELF: TenantPlan = TenantPlan { tenant: &["12/s,burst=4", "400/day"], ..BY_THE_FLEET };
const TENANTS: [TenantPlan; 5] = [BY_ITS_SENDERS, BY_A_DOMAIN, BY_ITSELF, BY_THE_FLEET, BY_THE_FLEET];

impl LimitsBench {
    pub async fn run(&self) -> anyhow::Result<BenchResult> {
        let seed = self.seed.unwrap_or_else(|| u64::from_le_bytes(runtime::ids::secret_bytes()));
        eprintln!("seed {seed}: repeat this run with --seed {seed}");
        Stack::with(&PLAN, async |stack| self.press(stack, StdRng::seed_from_u64(seed)).await).await
    }

    async fn press(&self, stack: &mut Stack, mut rng: StdRng) -> anyhow::Result<BenchResult> {
        let tenants = set_limits(stack).await?;
        for (at, sender) in stack.senders.iter().enumerate() {
            let plan = TENANTS[at / PLAN.senders_per_tenant];
            if at % PLAN.senders_per_tenant < plan.senders_used {
                let domain = |n: usize| format!("d{}.example", n % plan.domains);
                Load { sender, count: PER_SENDER, domain: &domain, send_at: None }.enqueue(stack).await?;
            }
        }
        let began = Instant::now();
        let total = Duration::from_secs(self.seconds);
        let empty_at = total.mul_f64(rng.random_range(0.25..0.45));
        let kill_at = total.mul_f64(rng.random_range(0.55..0.75));
        let (mut emptied, mut killed) = (false, false);
        let mut refusals = WorkerRefusals::default();
        while began.elapsed() < total {
            refusals.look(stack).await;
            if !emptied && began.elapsed() >= empty_at {
                stack.stores.empty_redis().await?;
                emptied = true;
                eprintln!("emptied Redis after {:.1} s", began.elapsed().as_secs_f64());
            }
            if !killed && began.elapsed() >= kill_at {
                let victim = rng.random_range(0..stack.workers.len());
                stack.workers[victim].kill().await?;
                stack.start_worker()?;
                killed = true;
                eprintln!("killed a worker after {:.1} s, and started another", began.elapsed().as_secs_f64());
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        refusals.look(stack).await;
        let orchestrator = stack.scrape_orchestrator().await?;
        let pressed_by: BTreeMap<&str, f64> = ["global", "tenant", "domain", "sender"]
            .map(|scope| (scope, orchestrator.sum("postfleet_limit_refusals_total", &format!("scope=\"{scope}\""))))
            .into();
        let scopes = judge_all(stack, &tenants).await?;
        let (rate, p99) = (refusals.rate(), orchestrator.quantile("postfleet_limit_admit_seconds", 0.99) * 1_000.0);
        let holds = scopes.iter().all(Pressed::holds)
            && rate < REFUSALS_MAX
            && pressed_by.values().all(|refused| *refused > 0.0)
            && emptied
            && killed;
        let mut worst: Vec<&Pressed> = Vec::new();
        // The table shows, for each kind of scope, the keys that came nearest; every key is judged.
        for scope in ["global", "tenant", "domain", "sender"] {
            let mut of: Vec<&Pressed> = scopes.iter().filter(|pressed| pressed.scope == scope).collect();
            of.sort_by_key(|pressed| pressed.limit as i64 - pressed.allowed as i64);
            worst.extend(of.into_iter().take(if self.json { usize::MAX } else { 3 }));
        }
        let answer = json!({
            "scopes": worst,
            "worker_refusal_rate": rounded(rate),
            "admit_p99_ms": rounded(p99),
            "sent": stack.sink.accepted()?.len(),
            "scopes_judged": scopes.len(),
            "refused_by_scope": pressed_by,
        });
        Ok(BenchResult { answer, holds })
    }
}

/// Sets what holds; answers the tenants in order.
async fn set_limits(stack: &Stack) -> anyhow::Result<Vec<TenantId>> {
    let mut tenants: Vec<TenantId> = stack.senders.iter().map(|sender| sender.tenant).collect();
    tenants.dedup();
    stack.limit(LimitTarget::Global, &[GLOBAL]).await?;
    for (tenant, plan) in tenants.iter().zip(TENANTS) {
        stack.limit(LimitTarget::Tenant(*tenant), plan.tenant).await?;
        stack.limit(LimitTarget::Domains(*tenant), plan.domain).await?;
        stack.limit(LimitTarget::Senders(*tenant), plan.sender).await?;
    }
    // Everybody has them within two seconds; what they held before allows more.
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok(tenants)
}

/// Judges every key of every scope by the sink's own log.
async fn judge_all(stack: &Stack, tenants: &[TenantId]) -> anyhow::Result<Vec<Pressed>> {
    let mut connection = PgConnection::connect(&stack.stores.database_url).await?;
    let rows: Vec<(uuid::Uuid, uuid::Uuid)> =
        sqlx::query_as("SELECT message_id, sender_id FROM message_runs").fetch_all(&mut connection).await?;
    let sender_of: HashMap<String, SenderId> =
        rows.into_iter().map(|(id, sender)| (MessageId(id).to_string(), SenderId(sender))).collect();
    let place_of: HashMap<SenderId, usize> = stack
        .senders
        .iter()
        .filter_map(|sender| Some((sender.id, tenants.iter().position(|tenant| *tenant == sender.tenant)?)))
        .collect();

    let mut times: BTreeMap<(&'static str, usize, String), Vec<u64>> = BTreeMap::new();
    for event in stack.sink.events()?.into_iter().filter(|event| event.event == "accepted") {
        let sender = event.message.as_ref().and_then(|id| sender_of.get(id)).copied();
        let (sender, place) = sender
            .and_then(|sender| Some((sender, *place_of.get(&sender)?)))
            .context("the sink took a message that nobody knows")?;
        let domain = event.to.as_deref().and_then(|to| to.rsplit('@').next()).unwrap_or_default().to_owned();
        for (scope, at, key) in [
            ("global", 0, "global".to_owned()),
            ("tenant", place, tenants[place].to_string()),
            ("domain", place, domain),
            ("sender", place, sender.to_string()),
        ] {
            times.entry((scope, at, key)).or_default().push(event.at_ms);
        }
    }
    let mut judged = Vec::new();
    for ((scope, place, key), mut times) in times {
        times.sort_unstable();
        let plan = TENANTS[place];
        let limits = match scope {
            "global" => &[GLOBAL][..],
            "tenant" => plan.tenant,
            "domain" => plan.domain,
            _ => plan.sender,
        };
        let key = if scope == "domain" { format!("{}:{key}", tenants[place]) } else { key };
        judged.extend(judge(scope, &key, &LimitSet::parse(limits)?, &times));
    }
    Ok(judged)
}
