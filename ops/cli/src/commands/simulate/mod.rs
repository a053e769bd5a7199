//! `postfleet simulate`: what a plan would do, before it does it. Needs neither Postgres nor Redis.

mod limits;
mod report;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use chrono::{DateTime, Utc};
use clap::Args;
use domain::plans::{Compiled, PlanProblem, Zone, compile, parse};
use domain::simulate::{
    Behavior, CONTACTS_MAX, DAYS_MAX, Domains, InvalidShares, SENDERS_MAX, Settings, Shares, simulate,
};
use serde_json::json;

use crate::output::{OutputOptions, say};
use limits::{GivenLimit, limit_book};

/// The command line is wrong.
const MISUSED: u8 = 2;

const LEARN_MORE: &str = "\
Example:
  postfleet simulate plan.json --contacts 10000 --open 0.4 --click 0.1 --bounce 0.02 --senders 12

Runs the plan in time-lapse, with the engine and the limits that it would really meet, over contacts that behave by chance:
how many messages a contact gets, how enrollments end, how long it all takes, and which limit holds it up. Whatever else is
sent meanwhile is not thought of. The same options give the same answer, if --start is one of them.

Shares are parts of one: 0.4 is two in five. --bounce is a share of what is sent, the others are of what is delivered; each
message is a new chance. Limits are of messages: in a second (s), minute (min), hour (h), or day of UTC (day).
A plan that may not run prints everything that is wrong with it, and the exit code is 1.";

#[derive(Args)]
#[command(after_help = LEARN_MORE)]
pub struct SimulateOptions {
    /// The plan as JSON; - reads it from standard input.
    plan: PathBuf,
    /// How many are enrolled, all at the start.
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=i64::from(CONTACTS_MAX)))]
    contacts: u32,
    /// Share that opens a message.
    #[arg(long, value_name = "SHARE", default_value_t = 0.4, value_parser = share)]
    open: f64,
    /// Share that clicks in a message; at most --open, since who clicks has opened.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = share)]
    click: f64,
    /// Share that bounces; such a contact gets nothing more.
    #[arg(long, value_name = "SHARE", default_value_t = 0.02, value_parser = share)]
    bounce: f64,
    /// Share that replies.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    reply: f64,
    /// Share that unsubscribes.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    unsubscribe: f64,
    /// Share that marks a message as spam.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    complaint: f64,
    /// Share that does what the campaign is for.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    convert: f64,
    /// Hours after which a contact reacts, on average; most are quicker.
    #[arg(long, value_name = "HOURS", default_value_t = 6.0)]
    react_after: f64,
    /// Senders that contacts are shared among evenly. A node that names its own sender has that one besides.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(SENDERS_MAX)))]
    senders: u32,
    /// Recipient domains: so many, equally, or shares like gmail.com=0.4,outlook.com=0.2. Whoever is left over (without this
    /// option: everybody) has a small domain, ten contacts each.
    #[arg(long, value_name = "COUNT|SHARES", value_parser = domains)]
    domains: Option<Domains>,
    /// Zones that contacts have of their own, in shares like Europe/Berlin=0.5,America/New_York=0.3; the others have the
    /// plan's.
    #[arg(long, value_name = "SHARES", value_parser = zones)]
    timezone_mix: Option<Shares<Zone>>,
    /// Instead of a scope's default: sender=20/min,burst=5, tenant=5000/h, domain:gmail.com=100/h, sender=500/day (a day of
    /// UTC), global=none. Give it again for several windows of one scope. [default: as `docs/limits.md` has them]
    #[arg(long, value_name = "SCOPE=LIMIT", value_parser = GivenLimit::read)]
    limit: Vec<GivenLimit>,
    /// When it begins, as RFC 3339; now where nothing is said. Days are days of UTC.
    #[arg(long, value_name = "TIME", value_parser = time)]
    start: Option<DateTime<Utc>>,
    /// Days after which it stops, whatever has not ended.
    #[arg(long, value_name = "COUNT", default_value_t = DAYS_MAX, value_parser = clap::value_parser!(u32).range(1..=i64::from(DAYS_MAX)))]
    days: u32,
    /// Another number is another chance.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    output: OutputOptions,
}

pub fn run(options: &SimulateOptions) -> anyhow::Result<ExitCode> {
    let json = options.output.json;
    let plan = match read_plan(&options.plan)? {
        Ok(plan) => plan,
        Err(problems) => {
            say_problems(&problems, json);
            return Ok(ExitCode::FAILURE);
        }
    };
    let settings = match options.settings() {
        Ok(settings) => settings,
        Err(problem) => {
            eprintln!("postfleet simulate: {problem:#}");
            return Ok(ExitCode::from(MISUSED));
        }
    };
    match simulate(&plan, &settings) {
        Ok(simulation) if json => say(serde_json::to_string(&simulation)?),
        Ok(simulation) => report::say_report(&simulation, options.output),
        Err(problems) => {
            for problem in problems {
                eprintln!("postfleet simulate: {} {}", problem.field, problem.problem);
            }
            return Ok(ExitCode::from(MISUSED));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn read_plan(path: &Path) -> anyhow::Result<Result<Compiled, Vec<PlanProblem>>> {
    let json = if path == Path::new("-") {
        let mut json = Vec::new();
        std::io::stdin().read_to_end(&mut json).context("standard input")?;
        json
    } else {
        std::fs::read(path).with_context(|| path.display().to_string())?
    };
    Ok(parse(&json).map_err(|problem| vec![problem]).and_then(|plan| compile(&plan)))
}

fn say_problems(problems: &[PlanProblem], json: bool) {
    if json {
        return say(json!({ "problems": problems }));
    }
    for problem in problems {
        say(report::problem_line(problem));
    }
}

impl SimulateOptions {
    fn settings(&self) -> anyhow::Result<Settings> {
        let plain = Settings::new(self.contacts, self.start.unwrap_or_else(now));
        let domains = self.domains.clone().unwrap_or_default();
        for domain in self.limit.iter().filter_map(GivenLimit::domain) {
            // A limit for a domain that nobody has would hold for nobody, and nobody would notice.
            anyhow::ensure!(domains.names().contains(&domain), "--limit domain:{domain}: --domains does not name it");
        }
        Ok(Settings {
            seed: self.seed,
            behavior: Behavior {
                bounce: self.bounce,
                open: self.open,
                click: self.click,
                reply: self.reply,
                unsubscribe: self.unsubscribe,
                complain: self.complaint,
                convert: self.convert,
                mean_hours: self.react_after,
            },
            senders: Settings::numbered_senders(self.senders),
            limits: limit_book(plain.tenant, &self.limit)?,
            domains,
            zones: self.timezone_mix.clone().unwrap_or_default(),
            days_max: self.days,
            ..plain
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "it decides nothing: a simulation begins when somebody asks for it")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

fn share(text: &str) -> Result<f64, &'static str> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or("a share is a number from 0 to 1")
}

fn domains(text: &str) -> Result<Domains, InvalidShares> {
    text.parse()
}

fn zones(text: &str) -> Result<Shares<Zone>, InvalidShares> {
    text.parse()
}

fn time(text: &str) -> Result<DateTime<Utc>, chrono::ParseError> {
    DateTime::parse_from_rfc3339(text).map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: SimulateOptions,
    }

    fn settings(line: &str) -> anyhow::Result<Settings> {
        Line::try_parse_from(std::iter::once("simulate").chain(line.split(' ')))?.options.settings()
    }

    #[test]
    fn the_command_line_becomes_settings() -> anyhow::Result<()> {
        let read = settings(
            "plan.json --contacts 500 --open 0.5 --complaint 0.01 --senders 3 --domains Gmail.com=0.4 \
             --timezone-mix Europe/Berlin=1 --start 2026-12-01T09:00:00+01:00 --limit sender=5/min",
        )?;
        assert_eq!((read.contacts, read.senders.len(), read.behavior.complain), (500, 3, 0.01));
        assert_eq!((read.start.to_rfc3339().as_str(), read.check()), ("2026-12-01T08:00:00+00:00", Vec::new()));
        assert_eq!(read.domains, "gmail.com=0.4".parse()?);
        Ok(())
    }

    #[test]
    fn what_no_simulation_can_be_made_of_is_refused() {
        for line in [
            "plan.json --open 1.5",
            "plan.json --contacts 0",
            "plan.json --contacts 1000001",
            "plan.json --domains gmail.com",
            "plan.json --timezone-mix Mars/Olympus=0.5",
            "plan.json --start tomorrow",
            "plan.json --limit sender",
            "plan.json --limit planet=5/min",
            "plan.json --limit sender=often",
            "plan.json --limit domain:gmail.com=5/h",
        ] {
            assert!(settings(line).is_err(), "{line}");
        }
    }
}
