use clap::{Args, Subcommand, ValueEnum};
use domain::ids::TenantId;
use domain::messages::resolve_uncertain::UncertainPolicy;
use runtime::Ids;
use runtime::config::DatabaseConfig;
use serde_json::json;

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
}

#[derive(ValueEnum, Clone, Copy)]
enum Policy {
    Show,
    Resend,
}

pub async fn run(options: TenantsOptions) -> anyhow::Result<()> {
    let TenantsCommand::Create { database, name, uncertain, output } = options.command;
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
