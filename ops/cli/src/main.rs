//! `postfleet`: every role and every tool in one binary.

mod args;
mod client;
mod commands;
mod connect;
mod output;
mod progress;
mod stack;
mod upload;

use std::process::ExitCode;

use args::{Command, Options};
use clap::Parser;
use client::CallError;

/// A mail is a few hundred small allocations; the system's allocator took a sixth of a worker's time with them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const _: () = assert!(
    cfg!(debug_assertions) || !failpoint::BUILT_IN,
    "failpoints are for tests: build a release with `-p cli`, or without `--workspace`"
);

fn main() -> ExitCode {
    failpoint::set_up();
    // TLS libraries ask for the process's provider and panic where there is none.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = Options::parse();
    runtime::telemetry::init_logs(&options.logs);
    rest::begin();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    match runtime.block_on(run(options)) {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let logs = options.logs;
    match options.command {
        Command::Api(options) => commands::api::run(*options).await?,
        Command::Worker(options) => commands::worker::run(*options).await?,
        Command::Orchestrator(options) => commands::orchestrator::run(*options, &logs).await?,
        Command::Up(options) => commands::up::run(*options, &logs).await?,
        Command::Migrate(options) => commands::migrate::run(options).await?,
        Command::Doctor(options) => return commands::doctor::run(options).await,
        Command::Tenants(options) => commands::tenants::run(options).await?,
        Command::Keys(options) => commands::keys::run(options).await?,
        Command::Senders(options) => commands::senders::run(options).await?,
        Command::Limits(options) => commands::limits::run(options).await?,
        Command::Explain(options) => commands::explain::run(options).await?,
        Command::Resume(options) => commands::resume::run(options).await?,
        Command::Send(options) => return commands::send::run(*options).await,
        Command::Messages(options) => commands::messages::run(options).await?,
        Command::Campaigns(options) => commands::campaigns::run(options).await?,
        Command::Enrollments(options) => commands::enrollments::run(options).await?,
        Command::Queue(options) => commands::queue::run(options).await?,
        Command::Suppressions(options) => commands::suppressions::run(options).await?,
        Command::Stats(options) => commands::stats::run(options).await?,
        Command::Tail(options) => commands::tail::run(options).await?,
        Command::Simulate(options) => return commands::simulate::run(&options),
        Command::Bench(options) => return commands::bench::run(options).await,
        Command::Demo(options) => return commands::demo::run(options).await,
        Command::Openapi(options) => commands::openapi::run(&options)?,
        Command::Completions(options) => commands::completions::run(&options),
    }
    Ok(ExitCode::SUCCESS)
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("postfleet: {error:#}");
    let code = error.downcast_ref::<CallError>().map(CallError::exit_code);
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}
