use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use domain::ids::{ApiKeyId, TenantId};
use domain::keys::{ApiKey, KeyRights, KeyScope};
use runtime::config::DatabaseConfig;
use runtime::ids::secret_bytes;
use runtime::{Ids, crypto};
use serde_json::json;
use store::NewKey;

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
        /// What it may do; everything within its tenant where nothing is said.
        #[arg(long, value_enum, value_delimiter = ',', default_value = "read,send,manage")]
        scopes: Vec<ScopeName>,
        /// It may also do what concerns every tenant: create tenants, set the fleet's limits, see workers.
        #[arg(long)]
        operator: bool,
        #[command(flatten)]
        output: OutputOptions,
    },
    /// List a tenant's API keys, without their secrets.
    List {
        #[command(flatten)]
        database: DatabaseConfig,
        #[arg(long)]
        tenant: TenantId,
        #[command(flatten)]
        output: OutputOptions,
    },
    /// End an API key. It is refused everywhere within five seconds.
    Revoke {
        key: ApiKeyId,
        #[command(flatten)]
        database: DatabaseConfig,
        #[arg(long)]
        tenant: TenantId,
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

#[derive(ValueEnum, Clone, Copy)]
enum ScopeName {
    Read,
    Send,
    Manage,
}

pub async fn run(options: KeysOptions) -> anyhow::Result<()> {
    let open = |database: &DatabaseConfig| connect::store(database, "postfleet keys");
    match options.command {
        KeysCommand::Create { database, tenant, name, scopes, operator, output } => {
            let store = open(&database)?;
            anyhow::ensure!(store.tenants().exists(tenant).await?, "there is no tenant {tenant}");
            let scopes = scopes.into_iter().map(|scope| match scope {
                ScopeName::Read => KeyScope::Read,
                ScopeName::Send => KeyScope::Send,
                ScopeName::Manage => KeyScope::Manage,
            });
            let key = ApiKey::new(Ids::system().next(), secret_bytes());
            let (id, shown) = (key.id, key.reveal());
            let new = NewKey { key, name, rights: KeyRights::new(scopes, operator), expires_at: None };
            store.api_keys().create(tenant, &new).await?;
            output.print(&json!({"id": id, "key": shown}));
        }
        KeysCommand::List { database, tenant, output } => {
            let rows = open(&database)?.api_keys().list(tenant).await?;
            let rows: Vec<_> = rows.into_iter().map(|row| json!(::api::KeyView::from(row))).collect();
            output.print_rows(&rows, &["id", "name", "scopes", "operator", "last_used_at", "expires_at"]);
        }
        KeysCommand::Revoke { key, database, tenant, output } => {
            let ended = open(&database)?.api_keys().revoke(tenant, key).await?;
            ended.then_some(()).with_context(|| format!("the tenant has no key {key}"))?;
            output.print(&json!({"revoked": key}));
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
