use clap::{Parser, Subcommand};
use runtime::config::LogConfig;

use crate::commands::{
    api, bench, campaigns, completions, demo, doctor, enrollments, explain, keys, limits, messages, migrate, openapi,
    orchestrator, queue, resume, send, senders, simulate, stats, suppressions, tail, tenants, up, worker,
};

const LEARN_MORE: &str = "\
Exit codes:
  0  done
  1  it failed, or what was checked is wrong
  2  the command line is wrong
  3  Postfleet's API cannot be reached or is not available: try again
  4  the API refused the request

Whatever is configured can be given by environment too; ops/env.example lists it all. Most commands take --json.";

/// A durable worker fleet for outreach mail: nothing lost, nothing sent twice, limits that hold across the fleet.
///
/// A first run: `postfleet migrate`, then `postfleet up`, then `postfleet tenants create`, `keys create` and
/// `senders create`, and `postfleet send`. `postfleet doctor` says what is wrong and how to mend it.
///
/// Commands for whoever runs an installation speak to its stores (DATABASE_URL, REDIS_URL). Commands for whoever uses it
/// (send, messages, campaigns, enrollments, queue, suppressions, stats, tail) speak to its API (POSTFLEET_URL, POSTFLEET_API_KEY).
#[derive(Parser)]
#[command(name = "postfleet", version, max_term_width = 120, after_help = LEARN_MORE)]
pub struct Options {
    #[command(flatten)]
    pub logs: LogConfig,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Serve the HTTP API.
    Api(Box<api::ApiOptions>),
    /// Send mail: drain the queue.
    Worker(Box<worker::WorkerOptions>),
    /// Feed, rescue and watch; with --spawn, keep worker processes running.
    Orchestrator(Box<orchestrator::OrchestratorOptions>),
    /// All roles in one process.
    Up(Box<up::UpOptions>),
    /// Bring the database to this version's schema, or take steps back.
    Migrate(migrate::MigrateOptions),
    /// Say what is wrong with an installation, and how to mend it.
    Doctor(doctor::DoctorOptions),
    /// Create, list, pause and resume tenants.
    Tenants(tenants::TenantsOptions),
    /// Create, list and revoke API keys; make keys for secrets at rest.
    Keys(keys::KeysOptions),
    /// Create, list, check, pause and resume senders: accounts that mail leaves from.
    Senders(senders::SendersOptions),
    /// Show and set limits: per sender, recipient domain, tenant, and for the whole fleet.
    Limits(limits::LimitsOptions),
    /// Say why a message is not sent yet.
    Explain(explain::ExplainOptions),
    /// Let sending go on after it was halted because Postgres went back in time.
    Resume(resume::ResumeOptions),
    /// Send one message, or a file of them (by the API).
    Send(Box<send::SendOptions>),
    /// List, show and cancel messages (by the API).
    Messages(messages::MessagesOptions),
    /// Create, check, list, pause and call off campaigns, and enroll files of contacts (by the API).
    Campaigns(campaigns::CampaignsOptions),
    /// Who runs through campaigns: enroll, see, call off (by the API).
    Enrollments(enrollments::EnrollmentsOptions),
    /// See the queue, pause and resume it, retry or clear what failed, resolve what is uncertain (by the API).
    Queue(queue::QueueOptions),
    /// Addresses that are not mailed: add, lift, import, export (by the API).
    Suppressions(suppressions::SuppressionsOptions),
    /// Your tenant in numbers (by the API).
    Stats(stats::StatsOptions),
    /// Watch what happens to your messages, live (by the API).
    Tail(tail::TailOptions),
    /// See what a campaign plan would do: messages, ends, how long it takes, and which limit holds it up.
    Simulate(Box<simulate::SimulateOptions>),
    /// See it survive: a private stack, a load, killed workers, an emptied Redis, and a table at the end.
    Demo(demo::DemoOptions),
    /// Measure what the limits promise, on a private stack.
    Bench(bench::BenchOptions),
    /// Print the API's description (OpenAPI 3.1).
    Openapi(openapi::OpenapiOptions),
    /// Print a script that completes commands in your shell.
    Completions(completions::CompletionsOptions),
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;

    fn variables(command: &clap::Command) -> BTreeSet<String> {
        let own = command.get_arguments().filter(|argument| !argument.is_hide_set());
        let named = own.filter_map(|argument| argument.get_env()?.to_str().map(str::to_owned));
        named.chain(command.get_subcommands().flat_map(variables)).collect()
    }

    #[test]
    fn the_example_names_every_variable_that_is_read_and_no_other() {
        let example = include_str!("../../env.example");
        let named: BTreeSet<String> = example
            .lines()
            .filter_map(|line| line.trim_start_matches("# ").split_once('='))
            .map(|(name, _)| name.to_owned())
            .filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
            .collect();
        assert_eq!(named, variables(&Options::command()));
    }

    #[test]
    fn every_command_says_what_it_is_for() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{} says nothing", command.get_name());
            for argument in command.get_arguments().filter(|argument| argument.get_env().is_some()) {
                assert!(argument.get_help().is_some(), "{} of {}", argument.get_id(), command.get_name());
            }
            command.get_subcommands().filter(|command| command.get_name() != "help").for_each(check);
        }
        check(&Options::command());
        Options::command().debug_assert();
    }
}
