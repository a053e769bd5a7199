use clap::{Parser, Subcommand};
use runtime::config::LogConfig;

use crate::commands::{
    api, bench, demo, explain, keys, limits, migrate, orchestrator, resume, senders, tenants, up, worker,
};

/// A durable worker fleet for outreach mail: nothing lost, nothing sent twice, limits that hold across the fleet.
///
/// A first run: `postfleet migrate`, then `postfleet up`, then `postfleet tenants create`, `keys create` and
/// `senders create`, and POST a message to /v1/messages. Every option can be given by environment too.
#[derive(Parser)]
#[command(name = "postfleet", version, max_term_width = 120)]
pub struct Options {
    #[command(flatten)]
    pub logs: LogConfig,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Serve the HTTP API.
    Api(api::ApiOptions),
    /// Send mail: drain the queue.
    Worker(worker::WorkerOptions),
    /// Feed, rescue and watch; with --spawn, keep worker processes running.
    Orchestrator(orchestrator::OrchestratorOptions),
    /// All roles in one process.
    Up(up::UpOptions),
    /// Bring the database to this version's schema, or take steps back.
    Migrate(migrate::MigrateOptions),
    /// Create, pause and resume tenants.
    Tenants(tenants::TenantsOptions),
    /// Create API keys, and keys for secrets at rest.
    Keys(keys::KeysOptions),
    /// Create, pause and resume senders: accounts that mail leaves from.
    Senders(senders::SendersOptions),
    /// Show and set limits: per sender, recipient domain, tenant, and for the whole fleet.
    Limits(limits::LimitsOptions),
    /// Say why a message is not sent yet.
    Explain(explain::ExplainOptions),
    /// Let sending go on after it was halted because Postgres went back in time.
    Resume(resume::ResumeOptions),
    /// See it survive: a private stack, a load, killed workers, an emptied Redis, and a table at the end.
    Demo(demo::DemoOptions),
    /// Measure what the limits promise, on a private stack.
    Bench(bench::BenchOptions),
}
