use anyhow::Context;
use providers::Egress;
use providers::smtp::TlsRoots;
use queue::{Keys, QueueLink};
use runtime::config::{ApiConfig, DatabaseConfig, RedisConfig, SecretsConfig, SmtpConfig};
use store::{Store, StoreOptions};

pub fn store(config: &DatabaseConfig, name: &str) -> anyhow::Result<Store> {
    let options = StoreOptions::new(name).connections_max(config.database_connections);
    Ok(Store::connect(&config.database_url, &options)?)
}

/// For a worker's statements.
pub fn worker_store(config: &DatabaseConfig, name: &str) -> anyhow::Result<Store> {
    let options = StoreOptions::new(name).connections_max(config.database_connections).planned_once();
    Ok(Store::connect(&config.database_url, &options)?)
}

/// A connection or two beside the usual ones, for what must not wait behind them.
pub fn small_store(config: &DatabaseConfig, name: &str) -> anyhow::Result<Store> {
    Ok(Store::connect(&config.database_url, &StoreOptions::new(name).connections_max(1))?)
}

pub fn queue(config: &RedisConfig) -> anyhow::Result<QueueLink> {
    let keys = Keys::with_tag(&config.redis_tag);
    let Some(file) = &config.redis_ca_file else { return Ok(QueueLink::connect(&config.redis_url, keys)?) };
    let authority = std::fs::read(file).with_context(|| format!("could not read {}", file.display()))?;
    Ok(QueueLink::connect_trusting(&config.redis_url, authority, keys)?)
}

/// What an API process is told, of what it shares with workers and of its own.
pub fn api_options(api: &ApiConfig, secrets: &SecretsConfig, smtp: &SmtpConfig) -> anyhow::Result<::api::ApiOptions> {
    let key_rate = ::api::parse_key_rate(&api.api_key_rate)
        .map_err(|problem| anyhow::anyhow!("POSTFLEET_API_KEY_RATE: {problem}"))?;
    Ok(::api::ApiOptions {
        keyring: secrets.keyring()?,
        egress: Egress::allowing(&smtp.smtp_allow_networks)?,
        roots: smtp_roots(smtp)?,
        hello: smtp_hello(smtp),
        key_rate,
        connections_max: api.api_connections as usize,
        ..::api::ApiOptions::default()
    })
}

pub fn smtp_roots(smtp: &SmtpConfig) -> anyhow::Result<TlsRoots> {
    let Some(file) = &smtp.smtp_ca_file else { return Ok(TlsRoots::default()) };
    let pem = std::fs::read(file).with_context(|| format!("could not read {}", file.display()))?;
    TlsRoots::from_pem(pem).map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))
}

pub fn smtp_hello(smtp: &SmtpConfig) -> String {
    smtp.smtp_hello.clone().unwrap_or_else(host_name)
}

pub fn host_name() -> String {
    nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_else(|| "localhost".to_owned())
}
