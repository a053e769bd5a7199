use std::io::BufRead;

use ::api::checking::check_sender;
use ::api::pausing::Paused;
use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use domain::ids::{SenderId, TenantId};
use domain::senders::{CONNECTIONS_DEFAULT, CONNECTIONS_MAX, CheckedSender, SenderDraft, TlsMode};
use runtime::Ids;
use runtime::config::{DatabaseConfig, SecretsConfig, SmtpConfig};
use serde_json::json;
use store::{NewSender, SenderPage};

use super::pausing::{PauseOptions, ResumeOptions};
use super::smtp_url::{self, SmtpUrl};
use crate::connect;
use crate::output::OutputOptions;

/// Senders that one call lists.
const SENDERS_MAX: u64 = 1_000;

#[derive(Args)]
pub struct SendersOptions {
    #[command(subcommand)]
    command: SendersCommand,
}

#[derive(Subcommand)]
enum SendersCommand {
    /// Create a sender: an SMTP account that mail leaves from.
    Create(Box<CreateSender>),
    /// List a tenant's senders, the newest first.
    List {
        #[arg(long)]
        tenant: TenantId,
        #[command(flatten)]
        database: DatabaseConfig,
        #[command(flatten)]
        output: OutputOptions,
    },
    /// Try a sender's account: it connects, authenticates, and its server takes mail from the address. Sends nothing.
    Check(Box<CheckSender>),
    /// Stop a sender. When this returns, nothing more leaves from it.
    Pause {
        sender: SenderId,
        #[arg(long)]
        tenant: TenantId,
        #[command(flatten)]
        options: PauseOptions,
    },
    /// Let it go on.
    Resume {
        sender: SenderId,
        #[arg(long)]
        tenant: TenantId,
        #[command(flatten)]
        options: ResumeOptions,
    },
}

#[derive(Args)]
struct CheckSender {
    sender: SenderId,
    #[arg(long)]
    tenant: TenantId,
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    secrets: SecretsConfig,
    #[command(flatten)]
    smtp: SmtpConfig,
    #[command(flatten)]
    output: OutputOptions,
}

#[derive(Args)]
struct CreateSender {
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    secrets: SecretsConfig,
    #[arg(long)]
    tenant: TenantId,
    /// The address in From.
    #[arg(long)]
    address: String,
    /// The name beside it.
    #[arg(long)]
    display_name: Option<String>,
    /// All of the account in a line: smtp://user:password@host:587 (STARTTLS), smtps:// (TLS), or smtp+plain:// (neither).
    /// An @ in the user's name is written %40. Better by environment, so that no shell history keeps the password.
    #[arg(long, env = "POSTFLEET_SMTP_URL", hide_env_values = true, value_parser = smtp_url::parse, required_unless_present = "smtp_host")]
    smtp_url: Option<SmtpUrl>,
    #[arg(long, conflicts_with = "smtp_url")]
    smtp_host: Option<String>,
    #[arg(long, default_value_t = 587, conflicts_with = "smtp_url", value_parser = clap::value_parser!(u16).range(1..))]
    smtp_port: u16,
    #[arg(long, value_enum, conflicts_with = "smtp_url", default_value_t = Protection::Starttls)]
    tls: Protection,
    /// The account's name. Its password is read from standard input, so that no shell history keeps it.
    #[arg(long, conflicts_with = "smtp_url")]
    username: Option<String>,
    /// Simultaneous connections, over all workers.
    #[arg(long, default_value_t = CONNECTIONS_DEFAULT, value_parser = clap::value_parser!(u32).range(1..=i64::from(CONNECTIONS_MAX)))]
    max_connections: u32,
    #[command(flatten)]
    output: OutputOptions,
}

#[derive(ValueEnum, Clone, Copy)]
enum Protection {
    Starttls,
    Tls,
    None,
}

pub async fn run(options: SendersOptions) -> anyhow::Result<()> {
    match options.command {
        SendersCommand::Create(asked) => create(*asked).await,
        SendersCommand::Check(asked) => check(*asked).await,
        SendersCommand::List { tenant, database, output } => {
            let page = SenderPage { before: None, archived: true, limit: SENDERS_MAX };
            let rows = connect::store(&database, "postfleet senders")?.senders().list(tenant, &page).await?;
            let rows: Vec<_> = rows
                .iter()
                .map(|row| {
                    json!({"sender": row.account.id, "address": row.account.address, "state": row.state(), "smtp_host": row.account.smtp_host})
                })
                .collect();
            output.print_rows(&rows, &["sender", "address", "state", "smtp_host"]);
            Ok(())
        }
        SendersCommand::Pause { sender, tenant, options } => options.run(Paused::Sender(tenant, sender)).await,
        SendersCommand::Resume { sender, tenant, options } => options.run(Paused::Sender(tenant, sender)).await,
    }
}

async fn check(asked: CheckSender) -> anyhow::Result<()> {
    let store = connect::store(&asked.database, "postfleet senders")?;
    let options = ::api::ApiOptions {
        keyring: asked.secrets.keyring()?,
        egress: providers::Egress::allowing(&asked.smtp.smtp_allow_networks)?,
        roots: connect::smtp_roots(&asked.smtp)?,
        hello: connect::smtp_hello(&asked.smtp),
        ..::api::ApiOptions::default()
    };
    let checked = check_sender(&store, &options, asked.tenant, asked.sender).await?;
    let checked = checked.with_context(|| format!("the tenant has no sender {}", asked.sender))?;
    asked.output.print(&json!(checked));
    anyhow::ensure!(checked.ok, "the account does not work");
    Ok(())
}

async fn create(asked: CreateSender) -> anyhow::Result<()> {
    let account = account(&asked)?;
    let draft = SenderDraft {
        address: asked.address.clone(),
        display_name: asked.display_name.clone(),
        smtp_host: account.host,
        smtp_port: account.port,
        tls: account.tls,
        username: account.username,
        password: account.password,
        max_connections: asked.max_connections,
    };
    let checked = draft.validate(false).map_err(|problems| {
        let told: Vec<String> =
            problems.iter().map(|one| format!("--{} {}", one.field.replace('_', "-"), one.problem)).collect();
        anyhow::anyhow!(told.join("; "))
    })?;
    let store = connect::store(&asked.database, "postfleet senders")?;
    anyhow::ensure!(store.tenants().exists(asked.tenant).await?, "there is no tenant {}", asked.tenant);
    let id: SenderId = Ids::system().next();
    let secret = encrypt(&asked, id, &checked)?;
    store.senders().create(asked.tenant, NewSender::new(id, checked, secret)).await?;
    asked.output.print(&json!({"sender": id}));
    Ok(())
}

fn account(asked: &CreateSender) -> anyhow::Result<SmtpUrl> {
    if let Some(url) = &asked.smtp_url {
        return Ok(url.clone());
    }
    Ok(SmtpUrl {
        host: asked.smtp_host.clone().unwrap_or_default(),
        port: asked.smtp_port,
        tls: match asked.tls {
            Protection::Starttls => TlsMode::Starttls,
            Protection::Tls => TlsMode::Tls,
            Protection::None => TlsMode::None,
        },
        username: asked.username.clone(),
        password: asked.username.is_some().then(read_password).transpose()?,
    })
}

fn read_password() -> anyhow::Result<String> {
    let mut password = String::new();
    std::io::stdin().lock().read_line(&mut password)?;
    let password = password.trim_end_matches(['\r', '\n']).to_owned();
    anyhow::ensure!(!password.is_empty(), "the password is read from standard input, and there was none");
    Ok(password)
}

fn encrypt(asked: &CreateSender, id: SenderId, checked: &CheckedSender) -> anyhow::Result<Option<Vec<u8>>> {
    let Some(password) = &checked.password else { return Ok(None) };
    let keyring = asked.secrets.keyring()?.context(
        "credentials need POSTFLEET_SECRET_KEYS; `postfleet keys generate-secret` makes one, and workers need the same",
    )?;
    Ok(Some(keyring.encrypt_password(asked.tenant, id, password)?))
}
