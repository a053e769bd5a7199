//! Random faults, decided by a seed, against the whole system under load; judged by the sink's own log.

mod arena;
mod faults;
mod hands;
mod judge;
mod kind;
mod load;
mod plan;
mod process;
mod report;
mod round;
mod settle;
mod signals;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;

use arena::{Arena, CONNECTIONS};
use judge::{Verdict, judge};
use load::{Promises, offer};

const MORE: &str = "\
Three workers, two orchestrators and an API run on a private Postgres (fsync and synchronous_commit on) and a private
Redis, whatever DATABASE_URL and REDIS_URL say. The seed decides kinds, victims, durations and overlaps of the faults;
how far a run gets in its time depends on the machine. A fault's recovery is timed to the first message that was in the
victim's hands (workers), the first that left after it (stores, sink), the first 2xx (API) or the next beat (leader).

Exit code 1 if anything is lost, sent twice or stuck, if more is uncertain than was put in doubt or anything that was
not, if a recovery takes more than 15 s, or if a process ends by itself.";

#[derive(Parser)]
#[command(name = "chaos", version, max_term_width = 120, after_help = MORE)]
struct Options {
    /// Decides the faults. Printed, so that a run can be repeated.
    #[arg(long)]
    seed: Option<u64>,
    /// Messages to enqueue over HTTP, all through the run.
    #[arg(long, default_value_t = 6_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    messages: u32,
    /// How long faults go on; the end takes up to a minute more.
    #[arg(long, default_value = "2", value_parser = minutes)]
    minutes: Duration,
    /// Print one JSON object as the last line.
    #[arg(long)]
    json: bool,
}

fn minutes(text: &str) -> Result<Duration, String> {
    let minutes: f64 = text.parse().map_err(|_| "a number of minutes, such as 2 or 0.5".to_owned())?;
    if !(0.2..=600.0).contains(&minutes) {
        return Err("from 0.2 to 600 minutes".to_owned());
    }
    Ok(Duration::from_secs_f64(minutes * 60.0))
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let seed = options.seed.unwrap_or_else(|| u64::from_le_bytes(runtime::ids::secret_bytes()));
    println!("seed {seed}");
    let verdict = tokio::select! {
        verdict = run(&options, seed) => verdict?,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
    };
    report::print(&verdict, options.json);
    Ok(if verdict.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The sink is as slow as makes the fleet twice as fast as the load: it always has something in hand, and catches up.
fn sink_answers_after(options: &Options) -> Duration {
    let per_second = f64::from(options.messages) / options.minutes.as_secs_f64();
    Duration::from_secs_f64((f64::from(CONNECTIONS) / (2.0 * per_second)).clamp(0.005, 0.4))
}

async fn run(options: &Options, seed: u64) -> anyhow::Result<Verdict> {
    eprintln!("starting Postgres, Redis, a sink and our processes …");
    let arena = Arc::new(Arena::start(sink_answers_after(options), options.messages).await?);
    eprintln!("up; logs in {}", arena.logs.display());
    let (promises, until) = (Promises::default(), Instant::now() + options.minutes);
    let load = tokio::spawn(offer(Arc::clone(&arena), options.messages, options.minutes, Arc::clone(&promises)));
    let telling = tokio::spawn(report::tell_progress(Arc::clone(&arena)));
    let mut events = round::run_rounds(&arena, seed, until).await?;
    eprintln!("no more faults; waiting for the end of what was begun …");
    events.broken.extend(settle::settle(&arena, load).await?);
    telling.abort();
    let verdict = judge(&arena, seed, options.messages, &promises, events).await?;
    if verdict.holds() {
        std::fs::remove_dir_all(&arena.logs)?;
    }
    Ok(verdict)
}
