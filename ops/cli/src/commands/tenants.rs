use ::api::pausing::Paused;
use clap::{Args, Subcommand, ValueEnum};
use domain::ids::TenantId;
use domain::messages::resolve_uncertain::UncertainPolicy;
use runtime::Ids;
use runtime::config::DatabaseConfig;
use serde_json::json;

use super::pausing::{PauseOptions, ResumeOptions};
use crate::connect;
use crate::output::OutputOptions;

/// Tenants that one call lists.
const TENANTS_MAX: u64 = 1_000;

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
    /// List tenants, the newest first.
    List {
        #[command(flatten)]
        database: DatabaseConfig,
        #[command(flatten)]
        output: OutputOptions,
    },
    /// Stop all sending of a tenant. When this returns, nothing more leaves.
    Pause {
        tenant: TenantId,
        #[command(flatten)]
        options: PauseOptions,
    },
    /// Let it go on.
    Resume {
        tenant: TenantId,
        #[command(flatten)]
        options: ResumeOptions,
    },
}

#[derive(ValueEnum, Clone, Copy)]
enum Policy {
    Show,
    Resend,
}

pub async fn run(options: TenantsOptions) -> anyhow::Result<()> {
    match options.command {
        TenantsCommand::Create { database, name, uncertain, output } => {
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
        TenantsCommand::List { database, output } => {
            let rows = connect::store(&database, "postfleet tenants")?.tenants().list(None, TENANTS_MAX).await?;
            let rows: Vec<_> = rows
                .iter()
                .map(|row| json!({"tenant": row.id, "name": row.name, "paused": row.pause.is_some(), "created_at": row.created_at}))
                .collect();
            output.print_rows(&rows, &["tenant", "name", "paused", "created_at"]);
            Ok(())
        }
        TenantsCommand::Pause { tenant, options } => options.run(Paused::Tenant(tenant)).await,
        TenantsCommand::Resume { tenant, options } => options.run(Paused::Tenant(tenant)).await,
    }
}
