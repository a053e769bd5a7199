use clap::{Args, Subcommand};
use domain::ids::{CampaignId, EnrollmentId};
use serde_json::json;

use crate::client::ApiConnection;
use crate::output::OutputOptions;

#[derive(Args)]
pub struct EnrollmentsOptions {
    #[command(subcommand)]
    command: EnrollmentsCommand,
    #[command(flatten)]
    api: ApiConnection,
    #[command(flatten)]
    output: OutputOptions,
}

#[derive(Subcommand)]
enum EnrollmentsCommand {
    /// Enroll one contact in a campaign.
    Create {
        #[arg(long)]
        campaign: CampaignId,
        #[arg(long)]
        email: String,
        #[arg(long)]
        name: Option<String>,
        /// Everything but the send, and a day passes in a minute.
        #[arg(long)]
        test_mode: bool,
        /// Once more, though it was enrolled before.
        #[arg(long)]
        force_new: bool,
    },
    /// Who runs or ran through a campaign.
    List {
        #[arg(long)]
        campaign: CampaignId,
        /// active, or how they ended.
        #[arg(long)]
        state: Option<String>,
        #[arg(long)]
        cursor: Option<String>,
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200))]
        limit: u16,
    },
    /// An enrollment.
    Get { enrollment: EnrollmentId },
    /// All that happened to it, and the timers that are set.
    Timeline { enrollment: EnrollmentId },
    /// Call it off.
    Cancel { enrollment: EnrollmentId },
}

pub async fn run(options: EnrollmentsOptions) -> anyhow::Result<()> {
    let (api, output) = (&options.api, options.output);
    match options.command {
        EnrollmentsCommand::Create { campaign, email, name, test_mode, force_new } => {
            let body = json!({"campaign_id": campaign, "contact": {"email": email, "name": name},
                "options": {"test_mode": test_mode, "force_new": force_new}});
            output.print(&api.post("/v1/enrollments", &body).await?);
        }
        EnrollmentsCommand::List { campaign, state, cursor, limit } => {
            let asked = [("state", state), ("cursor", cursor), ("limit", Some(limit.to_string()))];
            let page = api.page(&format!("/v1/campaigns/{campaign}/enrollments"), &asked).await?;
            output.print_page(&page, &["id", "state", "node", "visit", "email", "created_at"]);
        }
        EnrollmentsCommand::Get { enrollment } => {
            output.print(&api.get(&format!("/v1/enrollments/{enrollment}")).await?)
        }
        EnrollmentsCommand::Timeline { enrollment } => {
            let told = api.get(&format!("/v1/enrollments/{enrollment}/timeline")).await?;
            let rows = told["data"].as_array().map_or(&[][..], Vec::as_slice);
            output.print_rows(rows, &["at", "kind", "what", "visit", "details"]);
        }
        EnrollmentsCommand::Cancel { enrollment } => {
            output.print(&api.post(&format!("/v1/enrollments/{enrollment}/cancel"), &json!({})).await?);
        }
    }
    Ok(())
}
