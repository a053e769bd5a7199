//! Runs a command with a private Postgres and Redis, unless `DATABASE_URL` and `REDIS_URL` name others.
//!
//! usage: with-services COMMAND [ARGUMENT …]

use std::process::{Command, ExitCode};

use testkit::Services;
use testkit::postgres::Durability;

fn main() -> anyhow::Result<ExitCode> {
    let mut words = std::env::args_os().skip(1);
    let Some(program) = words.next() else { anyhow::bail!("usage: with-services COMMAND [ARGUMENT …]") };
    let services = Services::start(Durability::Relaxed)?;
    let status = Command::new(program)
        .args(words)
        .env("DATABASE_URL", &services.database_url)
        .env("REDIS_URL", &services.redis_url)
        .status()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
