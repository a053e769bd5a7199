use std::io::BufRead;
use std::net::IpAddr;

use ::api::pausing::{PauseView, Paused, pause, pause_reason};
use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use domain::address::{Address, is_host_name};
use domain::ids::{SenderId, TenantId};
use domain::messages::headers::is_header_text;
use domain::senders::{CONNECTIONS_DEFAULT, CONNECTIONS_MAX, TlsMode};
use runtime::Ids;
use runtime::config::{DatabaseConfig, SecretsConfig};
use runtime::crypto::Place;
use serde_json::json;
use store::{NewSender, OPERATOR};

use crate::connect;
use crate::output::OutputOptions;

#[derive(Args)]
pub struct SendersOptions {
    #[command(subcommand)]
    command: SendersCommand,
}

#[derive(Subcommand)]
enum SendersCommand {
    /// Create a sender: an SMTP account that mail leaves from.
    Create(Box<CreateSender>),
    /// Stop a sender. When this returns, nothing more leaves from it.
    Pause(PauseSender),
    /// Let it go on.
    Resume(ResumeSender),
}

#[derive(Args)]
struct PauseSender {
    sender: SenderId,
    #[arg(long)]
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
struct ResumeSender {
    sender: SenderId,
    #[arg(long)]
    tenant: TenantId,
    #[command(flatten)]
    database: DatabaseConfig,
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
    #[arg(long, value_parser = parse_address)]
    address: Address,
    /// The name beside it.
    #[arg(long)]
    display_name: Option<String>,
    #[arg(long)]
    smtp_host: String,
    #[arg(long, default_value_t = 587, value_parser = clap::value_parser!(u16).range(1..))]
    smtp_port: u16,
    #[arg(long, value_enum, default_value_t = Protection::Starttls)]
    tls: Protection,
    /// The account's name. Its password is read from standard input, so that no shell history keeps it.
    #[arg(long)]
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
    let asked = match options.command {
        SendersCommand::Create(asked) => asked,
        SendersCommand::Pause(asked) => {
            let store = connect::store(&asked.database, "postfleet senders")?;
            let answer = pause(&store, Paused::Sender(asked.tenant, asked.sender), OPERATOR, &asked.reason).await?;
            let view = PauseView::paused(answer).with_context(|| format!("there is no sender {}", asked.sender))?;
            asked.output.print(&json!(view));
            return Ok(());
        }
        SendersCommand::Resume(asked) => {
            let store = connect::store(&asked.database, "postfleet senders")?;
            let answer = store.senders().resume(asked.tenant, asked.sender, true).await?;
            let view = PauseView::resumed(answer)
                .ok()
                .flatten()
                .with_context(|| format!("there is no sender {}", asked.sender))?;
            asked.output.print(&json!(view));
            return Ok(());
        }
    };
    let tls_mode = match asked.tls {
        Protection::Starttls => TlsMode::Starttls,
        Protection::Tls => TlsMode::Tls,
        Protection::None => TlsMode::None,
    };
    let host = asked.smtp_host.trim();
    anyhow::ensure!(
        is_host_name(host) || host == "localhost" || host.parse::<IpAddr>().is_ok(),
        "--smtp-host is not a host name or address"
    );
    if let Some(name) = &asked.display_name {
        anyhow::ensure!(name.len() <= 200 && is_header_text(name), "--display-name has at most 200 bytes on one line");
    }
    anyhow::ensure!(
        asked.username.is_none() || tls_mode != TlsMode::None,
        "credentials are never sent without TLS: choose --tls starttls or --tls tls"
    );
    let store = connect::store(&asked.database, "postfleet senders")?;
    anyhow::ensure!(store.tenants().exists(asked.tenant).await?, "there is no tenant {}", asked.tenant);
    let id: SenderId = Ids::system().next();
    let credentials = asked.username.clone().map(|name| encrypt(&asked, id, name)).transpose()?;
    let new = NewSender {
        id,
        address: asked.address,
        display_name: asked.display_name,
        smtp_host: host.to_owned(),
        smtp_port: asked.smtp_port,
        tls_mode,
        credentials,
        max_connections: asked.max_connections,
    };
    store.senders().create(asked.tenant, new).await?;
    asked.output.print(&json!({"sender": id}));
    Ok(())
}

fn encrypt(asked: &CreateSender, id: SenderId, username: String) -> anyhow::Result<(String, Vec<u8>)> {
    let keyring = asked.secrets.keyring()?.context(
        "credentials need POSTFLEET_SECRET_KEYS; `postfleet keys generate-secret` makes one, and workers need the same",
    )?;
    let mut password = String::new();
    std::io::stdin().lock().read_line(&mut password)?;
    let password = password.trim_end_matches(['\r', '\n']);
    anyhow::ensure!(!password.is_empty(), "the password is read from standard input, and there was none");
    let (tenant, row) = (asked.tenant.to_string(), id.to_string());
    let place = Place { tenant: &tenant, table: "senders", column: "secret", row: &row };
    Ok((username, keyring.encrypt(place, password.as_bytes())?))
}

fn parse_address(text: &str) -> Result<Address, String> {
    Address::parse(text).map_err(|error| error.to_string())
}
