//! Runs a command with DATABASE_URL and REDIS_URL, on private servers where none were given, and stops them afterwards.
//! With `--durable` first, every commit reaches the disk, as in production.

use std::process::{Command, ExitCode};

use testkit::Services;
use testkit::postgres::Durability;

fn main() -> anyhow::Result<ExitCode> {
    let mut words = std::env::args_os().skip(1).peekable();
    let durability =
        if words.next_if(|word| word == "--durable").is_some() { Durability::Real } else { Durability::Relaxed };
    let Some(program) = words.next() else { anyhow::bail!("usage: with-services [--durable] COMMAND [ARGUMENT …]") };
    let services = Services::start(durability)?;
    let status = Command::new(program)
        .args(words)
        .env("DATABASE_URL", &services.database_url)
        .env("REDIS_URL", &services.redis_url)
        .status()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
