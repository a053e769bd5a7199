use ::api::pausing::{PauseView, Paused, pause, pause_reason};
use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use domain::ids::TenantId;
use domain::messages::resolve_uncertain::UncertainPolicy;
use runtime::Ids;
use runtime::config::DatabaseConfig;
use serde_json::json;
use store::OPERATOR;

use crate::connect;
use crate::output::OutputOptions;

#[derive(Args)]
pub struct TenantsOptions {
    #[command(subcommand)]
    command: TenantsCommand,
}

#[derive(Subcommand)]
enum TenantsCommand {
    /// Create a tenant.
    Create {
        #[command(flatten)]
        database: DatabaseConfig,
        #[arg(long)]
        name: String,
        /// What becomes of a message whose answer was lost: shown and never sent again, or sent once more.
        #[arg(long, value_enum, default_value_t = Policy::Show)]
        uncertain: Policy,
        #[command(flatten)]
        output: OutputOptions,
    },
    /// Stop all sending of a tenant. When this returns, nothing more leaves.
    Pause(PauseTenant),
    /// Let it go on.
    Resume(ResumeTenant),
}

#[derive(Args)]
struct PauseTenant {
    tenant: TenantId,
    /// Why; shown to whoever asks why a message waits.
    #[arg(long, default_value = "no reason given", value_parser = pause_reason)]
    reason: String,
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    output: OutputOptions,
}

#[derive(Args)]
struct ResumeTenant {
    tenant: TenantId,
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    output: OutputOptions,
}

#[derive(ValueEnum, Clone, Copy)]
enum Policy {
    Show,
    Resend,
}

pub async fn run(options: TenantsOptions) -> anyhow::Result<()> {
    let (database, name, uncertain, output) = match options.command {
        TenantsCommand::Create { database, name, uncertain, output } => (database, name, uncertain, output),
        TenantsCommand::Pause(asked) => {
            let store = connect::store(&asked.database, "postfleet tenants")?;
            let answer = pause(&store, Paused::Tenant(asked.tenant), OPERATOR, &asked.reason).await?;
            let view = PauseView::paused(answer).with_context(|| format!("there is no tenant {}", asked.tenant))?;
            asked.output.print(&json!(view));
            return Ok(());
        }
        TenantsCommand::Resume(asked) => {
            let answer =
                connect::store(&asked.database, "postfleet tenants")?.tenants().resume(asked.tenant, true).await?;
            let view = PauseView::resumed(answer)
                .ok()
                .flatten()
                .with_context(|| format!("there is no tenant {}", asked.tenant))?;
            asked.output.print(&json!(view));
            return Ok(());
        }
    };
    anyhow::ensure!((1..=200).contains(&name.chars().count()), "--name has 1 to 200 characters");
    let policy = match uncertain {
        Policy::Show => UncertainPolicy::Show,
        Policy::Resend => UncertainPolicy::Resend,
    };
    let id: TenantId = Ids::system().next();
    connect::store(&database, "postfleet tenants")?.tenants().create(id, &name, policy).await?;
    output.print(&json!({"tenant": id}));
    Ok(())
}
