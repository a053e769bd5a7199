use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use domain::ids::TenantId;
use domain::limits::{Channel, LimitBook, LimitOverride, LimitSet, LimitTarget, Scope};
use runtime::config::DatabaseConfig;
use serde_json::{Value, json};
use store::{OPERATOR, Store};

use crate::connect;
use crate::output::OutputOptions;

#[derive(Args)]
pub struct LimitsOptions {
    #[command(subcommand)]
    command: LimitsCommand,
}

#[derive(Args)]
struct Connection {
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    output: OutputOptions,
}

#[derive(Subcommand)]
enum LimitsCommand {
    /// What holds: defaults, and what was set.
    List {
        /// Whose; the whole fleet's limit is always shown.
        #[arg(long)]
        tenant: TenantId,
        #[command(flatten)]
        connection: Connection,
    },
    /// Set a limit. It holds everywhere within two seconds.
    Set {
        #[command(flatten)]
        target: TargetOptions,
        /// Like 20/min, 1000/h, 200/h,burst=20 or 500/day; give several for several windows, none for no limit.
        #[arg(value_name = "LIMIT")]
        limits: Vec<String>,
        #[command(flatten)]
        connection: Connection,
    },
    /// Go back to the default.
    Remove {
        #[command(flatten)]
        target: TargetOptions,
        #[command(flatten)]
        connection: Connection,
    },
}

#[derive(Args)]
struct TargetOptions {
    #[arg(long, value_enum)]
    scope: ScopeName,
    /// Needed for every scope but global.
    #[arg(long)]
    tenant: Option<TenantId>,
    /// One domain or sender; without it, all of the tenant's.
    #[arg(long, default_value = "")]
    key: String,
}

#[derive(ValueEnum, Clone, Copy)]
enum ScopeName {
    Global,
    Tenant,
    Domain,
    Sender,
}

pub async fn run(options: LimitsOptions) -> anyhow::Result<()> {
    match options.command {
        LimitsCommand::List { tenant, connection } => list(&connection.store()?, tenant, connection.output).await,
        LimitsCommand::Set { target, limits, connection } => set(&target, &limits, &connection).await,
        LimitsCommand::Remove { target, connection } => {
            let removed = connection.store()?.limits().remove(&target.read()?, Channel::Email).await?;
            connection.output.print(&json!({"removed": removed}));
            Ok(())
        }
    }
}

async fn set(target: &TargetOptions, limits: &[String], connection: &Connection) -> anyhow::Result<()> {
    let set = LimitOverride::parse(target.read()?, Channel::Email, limits)?;
    let store = connection.store()?;
    ensure_exists(&store, &set.target).await?;
    store.limits().put(&set, OPERATOR).await?;
    connection.output.print(&shown(&set.target, &set.limits, "set"));
    Ok(())
}

impl Connection {
    fn store(&self) -> anyhow::Result<Store> {
        connect::store(&self.database, "postfleet limits")
    }
}

async fn list(store: &Store, tenant: TenantId, output: OutputOptions) -> anyhow::Result<()> {
    let rows = store.limits().of_tenant(tenant).await?;
    let general = LimitTarget::general(tenant);
    let unset = general.iter().filter(|target| rows.iter().all(|row| row.set.target != **target));
    let mut all: Vec<Value> =
        unset.map(|target| shown(target, &LimitBook::default_for(target.scope(), Channel::Email), "default")).collect();
    all.extend(rows.iter().map(|row| shown(&row.set.target, &row.set.limits, "set")));
    output.print_rows(&all, &["scope", "key", "source", "limits"]);
    Ok(())
}

fn shown(target: &LimitTarget, limits: &LimitSet, source: &str) -> Value {
    let key = Some(target.key()).filter(|key| !key.is_empty());
    json!({"scope": target.scope(), "key": key, "limits": limits, "source": source})
}

/// A limit for somebody who is not there would hold for nobody, and nobody would notice.
async fn ensure_exists(store: &Store, target: &LimitTarget) -> anyhow::Result<()> {
    if let Some(tenant) = target.tenant() {
        anyhow::ensure!(store.tenants().exists(tenant).await?, "there is no tenant {tenant}");
    }
    if let LimitTarget::Sender(tenant, sender) = target {
        let known = store.senders().known(*tenant, &[*sender]).await?;
        anyhow::ensure!(!known.is_empty(), "the tenant has no sender {sender}");
    }
    Ok(())
}

impl TargetOptions {
    fn read(&self) -> anyhow::Result<LimitTarget> {
        let scope = match self.scope {
            ScopeName::Global => Scope::Global,
            ScopeName::Tenant => Scope::Tenant,
            ScopeName::Domain => Scope::Domain,
            ScopeName::Sender => Scope::Sender,
        };
        let key = self.key.to_ascii_lowercase();
        anyhow::ensure!(
            scope != Scope::Domain || key.is_empty() || domain::address::is_host_name(&key),
            "--key is no domain"
        );
        LimitTarget::from_parts(scope, self.tenant, &key)
            .context("--scope global takes neither --tenant nor --key; tenant, domain and sender need --tenant")
    }
}
