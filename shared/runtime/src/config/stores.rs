use std::path::PathBuf;

use clap::Args;

use crate::crypto::{CryptoError, Keyring};

/// Postgres: the only truth.
#[derive(Args, Clone)]
pub struct DatabaseConfig {
    /// postgres://user:password@host:5432/database; with TLS: ?sslmode=verify-full, and &sslrootcert=/path/ca.pem for an
    /// authority of your own.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: String,
    /// Connections this process may open.
    #[arg(long, env = "POSTFLEET_DATABASE_CONNECTIONS", default_value_t = 8, value_parser = clap::value_parser!(u32).range(2..=200))]
    pub database_connections: u32,
}

/// Redis: hands work out. May be emptied at any time.
#[derive(Args, Clone)]
pub struct RedisConfig {
    /// redis://host:6379, or rediss://user:password@host:6380 with TLS.
    #[arg(long, env = "REDIS_URL", hide_env_values = true)]
    pub redis_url: String,
    /// PEM file with the certificate authority of a rediss:// server, where none of the usual ones vouches for it.
    #[arg(long, env = "POSTFLEET_REDIS_CA_FILE")]
    pub redis_ca_file: Option<PathBuf>,
    /// Hash tag of every key: two fleets may share one Redis under different tags.
    #[arg(long, env = "POSTFLEET_REDIS_TAG", default_value = "pf", value_parser = parse_tag)]
    pub redis_tag: String,
}

/// Keys for credentials at rest.
#[derive(Args, Clone)]
pub struct SecretsConfig {
    /// name:base64 of 32 bytes, separated by commas; the first encrypts. `postfleet keys generate-secret` makes one.
    #[arg(long, env = "POSTFLEET_SECRET_KEYS", hide_env_values = true)]
    pub secret_keys: Option<String>,
}

impl SecretsConfig {
    /// `None` where no keys are configured: then no sender may have credentials.
    pub fn keyring(&self) -> Result<Option<Keyring>, CryptoError> {
        self.secret_keys.as_deref().filter(|keys| !keys.is_empty()).map(str::parse).transpose()
    }
}

fn parse_tag(text: &str) -> Result<String, String> {
    let plain = (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if plain { Ok(text.to_owned()) } else { Err("a tag has 1 to 32 letters, digits or hyphens".to_owned()) }
}

/// URLs carry passwords.
impl std::fmt::Debug for DatabaseConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseConfig")
            .field("database_connections", &self.database_connections)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisConfig").field("redis_tag", &self.redis_tag).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SecretsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretsConfig").finish_non_exhaustive()
    }
}
