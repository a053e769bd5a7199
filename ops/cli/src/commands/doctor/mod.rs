//! `postfleet doctor`: what is wrong with an installation, and how to mend it.

mod postgres;
mod process;
mod redis_checks;

use std::process::ExitCode;

use clap::Args;
use runtime::config::{DatabaseConfig, RedisConfig, SecretsConfig};
use serde_json::{Value, json};

use crate::output::OutputOptions;

/// Ends with 0 if nothing is wrong, with 1 if something is. What is only advised changes nothing.
#[derive(Args)]
pub struct DoctorOptions {
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    redis: RedisConfig,
    #[command(flatten)]
    secrets: SecretsConfig,
    #[command(flatten)]
    output: OutputOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grade {
    Fine,
    /// It works, and could be better.
    Advice,
    Wrong,
}

/// One thing that was looked at.
#[derive(Debug)]
struct Finding {
    about: &'static str,
    grade: Grade,
    found: String,
    mend: &'static str,
}

impl Finding {
    fn fine(about: &'static str, found: impl Into<String>) -> Self {
        Self { about, grade: Grade::Fine, found: found.into(), mend: "" }
    }

    fn advice(about: &'static str, found: impl Into<String>, mend: &'static str) -> Self {
        Self { about, grade: Grade::Advice, found: found.into(), mend }
    }

    fn wrong(about: &'static str, found: impl Into<String>, mend: &'static str) -> Self {
        Self { about, grade: Grade::Wrong, found: found.into(), mend }
    }
}

pub async fn run(options: DoctorOptions) -> anyhow::Result<ExitCode> {
    let mut findings = process::look(&options.secrets);
    let (postgres, now) = postgres::look(&options.database, &options.secrets).await;
    findings.extend(postgres);
    findings.extend(redis_checks::look(&options.redis, now).await);
    let wrong = findings.iter().filter(|finding| finding.grade == Grade::Wrong).count();
    if options.output.json {
        let all: Vec<Value> = findings.iter().map(shown).collect();
        println!("{}", json!({"findings": all, "wrong": wrong}));
    } else {
        for finding in &findings {
            let mark = match finding.grade {
                Grade::Fine => "ok    ",
                Grade::Advice => "advice",
                Grade::Wrong => "WRONG ",
            };
            println!("{mark}  {:<22} {}", finding.about, finding.found);
            if !finding.mend.is_empty() {
                println!("        → {}", finding.mend);
            }
        }
    }
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn shown(finding: &Finding) -> Value {
    let grade = match finding.grade {
        Grade::Fine => "ok",
        Grade::Advice => "advice",
        Grade::Wrong => "wrong",
    };
    json!({"about": finding.about, "grade": grade, "found": finding.found, "mend": finding.mend})
}
