//! Templates from strangers, in a process with a bound on its memory and its time.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use testkit::binaries;

/// What became of a template: what the process says of it. A process that died says nothing.
fn trial(source: &str, data: &Value) -> anyhow::Result<Value> {
    let mut child =
        Command::new(binaries::own("template-trial")?).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let asked = json!({"source": source, "data": data}).to_string();
    child.stdin.take().expect("a pipe").write_all(asked.as_bytes())?;
    let output = child.wait_with_output()?;
    anyhow::ensure!(output.status.success(), "it died: {}", output.status);
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[test]
fn e5_no_template_takes_much_memory_or_time_or_its_process_down() -> anyhow::Result<()> {
    let fine = trial("Hi {{name}}", &json!({"name": "Ann"}))?;
    assert_eq!(fine["rendered_bytes"], 6, "{fine}");
    // As many items as fit into the largest message that the API accepts.
    let most: Vec<u8> = vec![1; 120_000];
    let text = "x".repeat(200_000);
    let nested = |count: usize| format!("{}x{}", "{{#if a}}".repeat(count), "{{/if}}".repeat(count));
    for (name, source, data) in [
        ("10,000 nested blocks", nested(10_000), json!({"a": 1})),
        ("10,000 blocks never closed", "{{#each a}}".repeat(10_000), json!({})),
        ("10,000 nested parentheses", format!("{{{{a {}b{}}}}}", "(a ".repeat(10_000), ")".repeat(10_000)), json!({})),
        ("10,000 chained conditions", format!("{{{{#if a}}}}{}{{{{/if}}}}", "{{else if b}}".repeat(10_000)), json!({})),
        (
            "partials that name each other",
            "{{#*inline \"a\"}}{{> b}}{{/inline}}{{#*inline \"b\"}}{{> a}}{{/inline}}{{> a}}".to_owned(),
            json!({}),
        ),
        (
            "a loop over a loop over everything",
            "{{#each a}}{{#each ../a}}{{#if no}}{{/if}}{{/each}}{{/each}}".to_owned(),
            json!({"a": most}),
        ),
        ("a hundred megabytes", format!("{{{{#each a}}}}{}{{{{/each}}}}", "x".repeat(1_000)), json!({"a": most})),
        (
            "a large value again and again",
            "{{#each a}}{{../text}}{{/each}}".to_owned(),
            json!({"a": vec![1; 20_000], "text": text}),
        ),
        ("a format that does not exist", "{{date_format day \"%Q%\"}}".to_owned(), json!({"day": "2026-03-04"})),
        ("a helper that does not exist", "{{#nope}}{{/nope}}{{nope 1}}".to_owned(), json!({})),
    ] {
        let told = trial(&source, &data).map_err(|error| error.context(name))?;
        assert!(told["refused"].is_string(), "{name}: {told}");
        assert!(told["cpu_ms"].as_u64().is_some_and(|ms| ms < 1_000), "{name}: {told}");
    }
    Ok(())
}
