use clap::{Args, Subcommand};
use domain::ids::TenantId;
use domain::keys::ApiKey;
use runtime::config::DatabaseConfig;
use runtime::ids::secret_bytes;
use runtime::{Ids, crypto};
use serde_json::json;

use crate::connect;
use crate::output::OutputOptions;

#[derive(Args)]
pub struct KeysOptions {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Create an API key. It is shown once: only its hash is kept.
    Create {
        #[command(flatten)]
        database: DatabaseConfig,
        #[arg(long)]
        tenant: TenantId,
        /// What it is for.
        #[arg(long, default_value = "default")]
        name: String,
        /// It may also set the limits of its tenant and of the whole fleet.
        #[arg(long)]
        operator: bool,
        #[command(flatten)]
        output: OutputOptions,
    },
    /// Make a key for POSTFLEET_SECRET_KEYS, which encrypts senders' credentials.
    GenerateSecret {
        /// A name for it, to tell it from its successor.
        #[arg(long, default_value = "main")]
        name: String,
        #[command(flatten)]
        output: OutputOptions,
    },
}

pub async fn run(options: KeysOptions) -> anyhow::Result<()> {
    match options.command {
        KeysCommand::Create { database, tenant, name, operator, output } => {
            let store = connect::store(&database, "postfleet keys")?;
            anyhow::ensure!(store.tenants().exists(tenant).await?, "there is no tenant {tenant}");
            let key = ApiKey::new(Ids::system().next(), secret_bytes());
            store.api_keys().create(tenant, &key, &name, operator).await?;
            output.print(&json!({"id": key.id, "key": key.reveal()}));
        }
        KeysCommand::GenerateSecret { name, output } => {
            anyhow::ensure!(
                (1..=32).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric()),
                "--name has 1 to 32 letters and digits"
            );
            output.print(&json!({"secret_key": crypto::generate_key(&name)}));
        }
    }
    Ok(())
}
