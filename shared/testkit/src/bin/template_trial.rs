//! Compiles and renders one template under a bound on memory, and tells what came of it. Reads
//! `{"source": …, "data": {…}}`.

use domain::templates::{Escape, Template};
use nix::sys::resource::{Resource, UsageWho, getrusage, setrlimit};
use nix::sys::time::TimeValLike;
use serde_json::{Map, Value, json};

/// As on a thread of a worker.
const STACK_BYTES: usize = 2 * 1024 * 1024;
/// What it may have, its own needs and its input included.
const MEMORY_MAX_BYTES: u64 = 64 * 1024 * 1024;
const CPU_MAX_SECS: u64 = 10;

fn main() -> anyhow::Result<()> {
    setrlimit(Resource::RLIMIT_DATA, MEMORY_MAX_BYTES, MEMORY_MAX_BYTES)?;
    setrlimit(Resource::RLIMIT_CPU, CPU_MAX_SECS, CPU_MAX_SECS)?;
    let asked: Value = serde_json::from_reader(std::io::stdin().lock())?;
    let source = asked["source"].as_str().unwrap_or_default().to_owned();
    let data = asked["data"].as_object().cloned().unwrap_or_default();
    let before = cpu_ms()?;
    let trial = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || render(&source, &data))?;
    let mut told = trial.join().map_err(|_| anyhow::anyhow!("it panicked"))?;
    told["cpu_ms"] = json!(cpu_ms()? - before);
    println!("{told}");
    Ok(())
}

fn render(source: &str, data: &Map<String, Value>) -> Value {
    match Template::compile(source, Escape::Html) {
        Err(invalid) => json!({"refused": invalid.to_string()}),
        Ok(template) => match template.render(data) {
            Err(failure) => json!({"refused": failure.to_string()}),
            Ok(text) => json!({"rendered_bytes": text.len()}),
        },
    }
}

fn cpu_ms() -> anyhow::Result<i64> {
    let used = getrusage(UsageWho::RUSAGE_SELF)?;
    Ok((used.user_time() + used.system_time()).num_milliseconds())
}
