use super::chaos::Events;
use super::verdict::Verdict;
use crate::stack::Stack;

/// The table, and with `--json` one object as the last line.
pub fn print(verdict: &Verdict, events: &Events, json: bool) {
    let kills: Vec<String> =
        events.kills.iter().map(|(committing, seconds)| format!("{committing} rows, {seconds:.1} s")).collect();
    let rows = [
        ("messages", verdict.messages.to_string()),
        ("accepted", verdict.accepted.to_string()),
        ("uncertain (shown, never sent again)", verdict.uncertain.to_string()),
        ("lost", verdict.lost.to_string()),
        ("sent twice", verdict.duplicates.to_string()),
        ("workers killed (rows committing, recovery)", kills.join("; ")),
        (
            "Redis emptied (rows queued, recovery)",
            events.flush.map_or_else(String::new, |(queued, seconds)| format!("{queued} rows, {seconds:.1} s")),
        ),
        ("messages per second, disasters included", verdict.per_second.to_string()),
    ];
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in rows {
        println!("{name:<width$}  {value}");
    }
    println!(
        "{}",
        if verdict.holds() { "Nothing lost, nothing sent twice." } else { "THIS RUN DOES NOT SHOW WHAT IT SHOULD." }
    );
    if json {
        println!("{}", serde_json::json!(verdict));
    }
}

pub fn print_links(stack: &Stack) {
    let (url, key) = (stack.api_url(), stack.senders.first().map_or("", |sender| sender.key.as_str()));
    eprintln!("The stack stays up until Ctrl-C. The API is at {url}; try:");
    eprintln!("  curl -H 'X-API-Key: {key}' {url}/v1/queue");
}
