use domain::plans::PlanProblem;
use domain::simulate::{NodeCounts, Simulation, StoppedBy, Wait};
use serde_json::{Value, json};

use crate::output::{OutputOptions, say};

/// Days that are printed; all are in the JSON.
const DAYS_SHOWN: usize = 14;

/// The answer as text.
pub fn say_report(simulation: &Simulation, output: OutputOptions) {
    let Simulation { contacts, messages, .. } = simulation;
    let start = simulation.started_at.format("%Y-%m-%d %H:%M UTC");
    say(format_args!("{contacts} contacts, enrolled {start}"));
    let most = messages.static_max.map_or_else(|| "no end to it".to_owned(), |most| format!("at most {most}"));
    say(format_args!(
        "messages: {}; {:.2} a contact, {} the most (the plan allows {most})",
        messages.total, messages.per_contact_mean, messages.per_contact_max
    ));
    say(format_args!("takes: {}", duration(simulation)));
    let binding = simulation
        .binding
        .as_ref()
        .map(|binding| format!("{}: held messages for {}, all together", binding.limit, time(binding.total_seconds)));
    say(format_args!("binding limit: {}", binding.as_deref().unwrap_or("none held anything back")));
    let shares = simulation.ends.iter().map(|end| format!("{} {:.1} %", name(json!(end.end)), end.share * 100.0));
    say(format_args!("ends: {}", shares.collect::<Vec<_>>().join(", ")));
    if messages.canceled + messages.suppressed > 0 {
        say(format_args!("not sent: {} called off, {} to suppressed contacts", messages.canceled, messages.suppressed));
    }
    say_waits(simulation, output);
    say("");
    output.print_rows(&simulation.nodes.iter().map(node_row).collect::<Vec<_>>(), &["node", "entered", "sent", "left"]);
    say_days(simulation, output);
    for warning in &simulation.warnings {
        say(problem_line(warning));
    }
}

/// A problem of a plan in one line.
pub fn problem_line(problem: &PlanProblem) -> String {
    let severity = if problem.is_error() { "error" } else { "warning" };
    let hint = problem.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{severity} {} at {}: {}{hint}", name(json!(problem.code)), problem.path, problem.message)
}

fn duration(simulation: &Simulation) -> String {
    let days = |days: Option<f64>| days.map_or_else(|| "never".to_owned(), |days| time(days * 86_400.0));
    let last = format!("the last message leaves after {}", days(simulation.days_to_last_message));
    let why = match simulation.stopped_by {
        None => return format!("{}; {last}", days(simulation.days_to_finish)),
        Some(StoppedBy::Days) => "the longest time that is simulated was over",
        Some(StoppedBy::Steps) => "more happened than is simulated at once",
    };
    format!("{} contacts had not finished when {why}; {last}", simulation.unfinished)
}

fn say_waits(simulation: &Simulation, output: OutputOptions) {
    let waits = &simulation.waits;
    let all = [
        ("sender", &waits.sender),
        ("domain", &waits.domain),
        ("tenant", &waits.tenant),
        ("global", &waits.global),
        ("quota of a day", &waits.quota),
        ("sending window", &waits.sending_window),
    ];
    let row = |(by, wait): (&str, &Wait)| {
        json!({"held back by": by, "messages": wait.messages, "total": time(wait.total_seconds), "half within": time(wait.p50_seconds),
            "95 % within": time(wait.p95_seconds), "longest": time(wait.max_seconds)})
    };
    let rows: Vec<Value> = all.into_iter().filter(|(_, wait)| wait.messages > 0).map(row).collect();
    if !rows.is_empty() {
        say("");
        output.print_rows(&rows, &["held back by", "messages", "half within", "95 % within", "longest", "total"]);
    }
}

fn node_row(node: &NodeCounts) -> Value {
    let ways = node.ways.iter().map(|way| format!("{} {} → {}", way.count, way.on, way.to));
    let ended = node.ended.iter().map(|end| format!("{} {}", end.count, name(json!(end.end))));
    let still_there = (node.still_there > 0).then(|| format!("{} still there", node.still_there));
    let left: Vec<String> = ways.chain(ended).chain(still_there).collect();
    json!({"node": node.id, "entered": node.entered, "sent": node.sent, "left": left.join(", ")})
}

fn say_days(simulation: &Simulation, output: OutputOptions) {
    let rows: Vec<Value> = simulation.sends.iter().map(|day| json!({"day": day.date, "sent": day.sent})).collect();
    if rows.is_empty() {
        return;
    }
    say("");
    output.print_rows(&rows[..rows.len().min(DAYS_SHOWN)], &["day", "sent"]);
    if rows.len() > DAYS_SHOWN {
        say(format_args!("… and {} further (--json lists all)", rows.len() - DAYS_SHOWN));
    }
    if simulation.days_per_entry > 1 {
        say(format_args!("each covers {} days", simulation.days_per_entry));
    }
}

/// The name by which JSON calls it.
fn name(value: Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A length of time as one number that can be read.
fn time(seconds: f64) -> String {
    let units = [(86_400.0, "d"), (3_600.0, "h"), (60.0, "min")];
    match units.into_iter().find(|(length, _)| seconds >= 2.0 * length) {
        Some((length, unit)) => format!("{:.1} {unit}", seconds / length),
        None => format!("{seconds:.1} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_the_unit_that_suits_them() {
        let told = [0.0, 3.25, 119.0, 150.0, 7_200.0, 200_000.0].map(time);
        assert_eq!(told, ["0.0 s", "3.2 s", "119.0 s", "2.5 min", "2.0 h", "2.3 d"]);
    }
}
