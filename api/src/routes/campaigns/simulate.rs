use axum::Json;
use axum::body::Body;
use axum::extract::State;
use chrono::{DateTime, Utc};
use domain::ids::{CampaignId, SenderId};
use domain::plans::{Does, compile};
use domain::simulate::{Behavior, Domains, Settings, Simulation, simulate as run_simulation};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::error::Failures;
use crate::extract::{Id, Named, Reader, parse, read_body};
use crate::{ApiError, ApiState};

const BODY_MAX_BYTES: usize = 16 * 1024;
/// More take longer than a request may; `postfleet simulate` has no such bound.
const CONTACTS_MAX: u32 = 100_000;
/// Steps of the engine: as many as a few seconds hold.
const STEPS_MAX: u64 = 5_000_000;

/// How contacts behave, as shares of the messages that are delivered (`bounce`: of those sent).
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"contacts": 10000, "open": 0.4, "click": 0.1, "bounce": 0.02}))]
pub struct SimulateBody {
    #[schema(minimum = 1, maximum = 100000)]
    contacts: u32,
    open: f64,
    click: f64,
    bounce: f64,
    reply: f64,
    unsubscribe: f64,
    complaint: f64,
    conversion: f64,
    /// So many senders in place of the campaign's own, each with the limits that hold for senders in general.
    senders: Option<u32>,
    /// Recipient domains: a count, or shares like `gmail.com=0.4,outlook.com=0.2`.
    domains: Option<String>,
    /// When all are enrolled; now, where nothing is said.
    start_at: Option<DateTime<Utc>>,
    /// The same seed gives the same answer.
    seed: u64,
}

impl Default for SimulateBody {
    fn default() -> Self {
        Self {
            contacts: 1_000,
            open: 0.0,
            click: 0.0,
            bounce: 0.0,
            reply: 0.0,
            unsubscribe: 0.0,
            complaint: 0.0,
            conversion: 0.0,
            senders: None,
            domains: None,
            start_at: None,
            seed: 0,
        }
    }
}

/// Try a campaign before it runs.
///
/// A time-lapse with the engine that will run it and the limits that hold for your tenant; nothing is written. Answers how
/// many messages a contact gets, how it ends for whom, how many days it takes, and which limit binds.
#[utoipa::path(post, path = "/v1/campaigns/{id}/simulate", tag = "campaigns", operation_id = "simulate_campaign",
    params(("id" = CampaignId, Path)), request_body = SimulateBody, security(("api_key" = ["read"])),
    responses((status = 200, body = Simulation), Failures))]
pub async fn simulate(
    State(state): State<ApiState>,
    caller: Reader,
    Id(id): Id<CampaignId>,
    body: Body,
) -> Result<Json<Simulation>, ApiError> {
    let bytes = read_body(body, BODY_MAX_BYTES, "a simulation has at most 16 KiB").await?;
    let asked: SimulateBody = parse(&bytes)?;
    if asked.contacts > CONTACTS_MAX {
        return Err(ApiError::invalid_field(
            "contacts",
            "is at most 100,000 here; `postfleet simulate` takes a million",
        ));
    }
    let campaigns = state.store.campaigns();
    let found = campaigns.find(caller.tenant, id).await?.ok_or_else(CampaignId::missing)?;
    let plan = campaigns.plans().find(caller.tenant, found.plan_hash).await?.ok_or_else(ApiError::unavailable)?;
    let mut compiled = compile(&plan).map_err(|problems| ApiError::invalid_plan(&problems))?;
    let now = state.clock.now().ok_or_else(ApiError::unavailable)?;
    let domains = asked.domains.as_deref().map(str::parse::<Domains>).transpose();
    let mut settings = Settings::new(asked.contacts, asked.start_at.unwrap_or(now));
    settings.domains =
        domains.map_err(|error| ApiError::invalid_field("domains", error.to_string()))?.unwrap_or_default();
    settings.seed = asked.seed;
    settings.tenant = caller.tenant;
    settings.limits = (*state.limits.book().map_err(|_| ApiError::unavailable())?).clone();
    settings.steps_max = STEPS_MAX;
    settings.behavior = Behavior {
        bounce: asked.bounce,
        open: asked.open,
        click: asked.click,
        reply: asked.reply,
        unsubscribe: asked.unsubscribe,
        complain: asked.complaint,
        convert: asked.conversion,
        ..Behavior::default()
    };
    settings.senders = match asked.senders {
        Some(count) => {
            compiled.nodes.iter_mut().for_each(|node| forget_sender(&mut node.does));
            Settings::numbered_senders(count.min(10_001))
        }
        None => found.sender.map_or_else(|| Settings::numbered_senders(1), |sender: SenderId| vec![sender]),
    };
    // Seconds of work: on a thread of its own, and one of few.
    let permit = state.checks.clone().acquire_owned().await.map_err(|_| ApiError::unavailable())?;
    let simulated = tokio::task::spawn_blocking(move || {
        let simulated = run_simulation(&compiled, &settings);
        drop(permit);
        simulated
    });
    let simulated = simulated.await.map_err(|error| ApiError::internal(&error.into()))?;
    simulated.map(Json).map_err(|problems| ApiError::invalid_request(&problems))
}

fn forget_sender(does: &mut Does) {
    if let Does::Send { sender } = does {
        *sender = None;
    }
}
