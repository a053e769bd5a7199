//! Measures of what is promised about limits and speed, each on a private stack, judged by the sink's log, the rows
//! themselves or the clock.

mod bulk;
mod cost;
mod drain;
mod fairness;
mod http;
mod http_load;
mod isolation;
mod judge;
mod ledger;
mod limits;
mod load;
mod noop;
mod pickup;
mod redis_loss;
mod send;
mod statistics;
mod timers;
mod worker_refusals;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::Value;

#[derive(Args)]
pub struct BenchOptions {
    #[command(subcommand)]
    command: BenchCommand,
}

#[derive(Subcommand)]
enum BenchCommand {
    /// Three workers, fifty senders, five tenants, every scope pressed for half a minute, Redis emptied, a worker killed:
    /// is any limit ever passed?
    Limits(limits::LimitsBench),
    /// One tenant with 200,000 due messages beside nine with 100 each, under a global limit.
    Fairness(fairness::FairnessBench),
    /// A sender without tokens, one whose server hangs and a paused one: do the others notice?
    Isolation(isolation::IsolationBench),
    /// What all limits together cost, out of reach.
    Drain(drain::DrainBench),
    /// How many messages a second leave through real worker processes, and what each costs.
    Send(send::SendBench),
    /// Jobs that do nothing: the queue layer alone, and with the Postgres ledger beside it.
    Noop(noop::NoopBench),
    /// How many messages a second the API accepts, and how long each takes.
    Http(http::HttpBench),
    /// From the 202 for a lone message to MAIL FROM; and what an idle fleet costs.
    Pickup(pickup::PickupBench),
    /// Redis is emptied in front of a long backlog: how soon the fleet drains at its full rate again.
    RedisLoss(redis_loss::RedisLossBench),
    /// Enrollments with two timers each: how late they are told; and how soon a conversion stops what is scheduled.
    Timers(timers::TimersBench),
}

/// What a bench came to: one object, and whether it is what was promised.
pub struct BenchResult {
    pub answer: Value,
    pub holds: bool,
}

pub async fn run(options: BenchOptions) -> anyhow::Result<ExitCode> {
    let (result, json) = match options.command {
        BenchCommand::Limits(bench) => (bench.run().await?, bench.json),
        BenchCommand::Fairness(bench) => (bench.run().await?, bench.json),
        BenchCommand::Isolation(bench) => (bench.run().await?, bench.json),
        BenchCommand::Drain(bench) => (bench.run().await?, bench.json),
        BenchCommand::Send(bench) => (bench.run().await?, bench.json),
        BenchCommand::Noop(bench) => (bench.run().await?, bench.json),
        BenchCommand::Http(bench) => (bench.run().await?, bench.json),
        BenchCommand::Pickup(bench) => (bench.run().await?, bench.json),
        BenchCommand::RedisLoss(bench) => (bench.run().await?, bench.json),
        BenchCommand::Timers(bench) => (bench.run().await?, bench.json),
    };
    if json {
        println!("{}", result.answer);
    } else {
        println!("{}", serde_json::to_string_pretty(&result.answer)?);
        println!("{}", if result.holds { "It holds." } else { "IT DOES NOT HOLD." });
    }
    Ok(if result.holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
