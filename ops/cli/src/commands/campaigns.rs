use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};
use domain::ids::{BulkId, CampaignId, SenderId};
use serde_json::{Value, json};

use crate::client::{ApiConnection, CallError};
use crate::output::{OutputOptions, say};
use crate::upload::upload;

#[derive(Args)]
pub struct CampaignsOptions {
    #[command(subcommand)]
    command: CampaignsCommand,
    #[command(flatten)]
    api: ApiConnection,
    #[command(flatten)]
    output: OutputOptions,
}

#[derive(Subcommand)]
enum CampaignsCommand {
    /// Create a campaign from a plan (JSON).
    Create {
        /// The plan, or - for standard input.
        plan: PathBuf,
        #[arg(long)]
        name: String,
        /// Sends what names no sender of its own.
        #[arg(long)]
        sender: Option<SenderId>,
        /// Take enrollments at once.
        #[arg(long)]
        start: bool,
    },
    /// Check a plan without storing it: everything that is wrong with it, each with its path.
    Validate {
        /// The plan, or - for standard input.
        plan: PathBuf,
        #[arg(long)]
        sender: Option<SenderId>,
    },
    /// List campaigns, the newest first.
    List {
        /// draft, active, paused, completed, stopped or error.
        #[arg(long)]
        state: Option<String>,
        /// Behind the last page: its next_cursor.
        #[arg(long)]
        cursor: Option<String>,
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200))]
        limit: u16,
    },
    /// A campaign with its counts.
    Get { campaign: CampaignId },
    /// Its plan, as `create` takes it.
    Plan {
        campaign: CampaignId,
        #[arg(long)]
        version: Option<u32>,
    },
    /// Take enrollments from now on.
    Start { campaign: CampaignId },
    /// Stop its mail for a while.
    Pause {
        campaign: CampaignId,
        #[arg(long)]
        reason: Option<String>,
    },
    /// Let it go on.
    Resume { campaign: CampaignId },
    /// Call it off: whoever runs through it is ended.
    Cancel { campaign: CampaignId },
    /// End a campaign that nobody runs through any more.
    Complete { campaign: CampaignId },
    /// Enroll a file of contacts: CSV with a header line, or one JSON object per line (.ndjson, .jsonl).
    Enroll {
        campaign: CampaignId,
        file: PathBuf,
        /// Of a file that broke off: go on where it was.
        #[arg(long)]
        bulk: Option<BulkId>,
        /// Everything but the send, and a day passes in a minute.
        #[arg(long)]
        test_mode: bool,
    },
}

pub async fn run(options: CampaignsOptions) -> anyhow::Result<()> {
    let (api, output) = (&options.api, options.output);
    let told = match options.command {
        CampaignsCommand::Create { plan, name, sender, start } => {
            let body = json!({"name": name, "sender": sender, "plan": read(&plan)?, "start": start});
            api.post("/v1/campaigns", &body).await?
        }
        CampaignsCommand::Validate { plan, sender } => return validate(api, output, &plan, sender).await,
        CampaignsCommand::List { state, cursor, limit } => {
            let asked = [("state", state), ("cursor", cursor), ("limit", Some(limit.to_string()))];
            let page = api.page("/v1/campaigns", &asked).await?;
            output.print_page(&page, &["id", "state", "kind", "version", "name", "created_at"]);
            return Ok(());
        }
        CampaignsCommand::Get { campaign } => api.get(&format!("/v1/campaigns/{campaign}")).await?,
        CampaignsCommand::Plan { campaign, version } => {
            let query = version.map(|version| format!("?version={version}")).unwrap_or_default();
            let plan = api.get(&format!("/v1/campaigns/{campaign}/plan{query}")).await?;
            say(serde_json::to_string_pretty(&plan)?);
            return Ok(());
        }
        CampaignsCommand::Start { campaign } => change(api, campaign, "start", json!({})).await?,
        CampaignsCommand::Pause { campaign, reason } => {
            let body = reason.map_or(json!({}), |reason| json!({"reason": reason}));
            change(api, campaign, "pause", body).await?
        }
        CampaignsCommand::Resume { campaign } => change(api, campaign, "resume", json!({})).await?,
        CampaignsCommand::Cancel { campaign } => change(api, campaign, "cancel", json!({})).await?,
        CampaignsCommand::Complete { campaign } => change(api, campaign, "complete", json!({})).await?,
        CampaignsCommand::Enroll { campaign, file, bulk, test_mode } => {
            enroll(api, campaign, &file, bulk, test_mode).await?
        }
    };
    output.print(&told);
    Ok(())
}

async fn change(api: &ApiConnection, campaign: CampaignId, verb: &str, body: Value) -> anyhow::Result<Value> {
    api.post(&format!("/v1/campaigns/{campaign}/{verb}"), &body).await
}

/// Says everything that is to be said of a plan; one that may not run is an error.
async fn validate(
    api: &ApiConnection,
    output: OutputOptions,
    plan: &Path,
    sender: Option<SenderId>,
) -> anyhow::Result<()> {
    let body = json!({"name": "plan", "sender": sender, "plan": read(plan)?});
    let told = api.post("/v1/campaigns/validate", &body).await?;
    if output.json {
        say(&told);
    } else {
        let rows = told["problems"].as_array().map_or(&[][..], Vec::as_slice);
        if !rows.is_empty() {
            output.print_rows(rows, &["severity", "code", "path", "message", "hint"]);
        }
        say(if told["valid"] == true { "it may run" } else { "it may not run" });
    }
    match told["valid"] == true {
        true => Ok(()),
        false => Err(CallError::Refused("the plan is not valid".to_owned()).into()),
    }
}

fn read(file: &Path) -> anyhow::Result<Value> {
    let mut text = String::new();
    if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text).context("could not read standard input")?;
    } else {
        text = std::fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
    }
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))
}

async fn enroll(
    api: &ApiConnection,
    campaign: CampaignId,
    file: &Path,
    bulk: Option<BulkId>,
    test_mode: bool,
) -> anyhow::Result<Value> {
    let mut query: Vec<(&str, String)> = bulk.map(|bulk| ("bulk", bulk.to_string())).into_iter().collect();
    if test_mode {
        query.push(("test_mode", "true".to_owned()));
    }
    upload(api, &format!("/v1/campaigns/{campaign}/enrollments/bulk"), &query, file).await
}
