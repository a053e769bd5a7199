use serde_json::{Value, json};

use super::*;
use crate::plans::{ProblemCode, Severity, parse};

const LINK: &str = r#"<a href="{{unsubscribe_url}}">no more</a>"#;

/// Two sends and a stop; `change` may break it.
fn plan(change: impl FnOnce(&mut Value)) -> Plan {
    let mut plan = json!({
        "version": 1,
        "startNodeId": "first",
        "nodes": [
            {"id": "first", "action": "send", "subject": "One", "body": LINK, "transitions": [{"on": "no_open", "to": "second"}]},
            {"id": "second", "action": "send", "subject": "Two", "body": LINK, "transitions": [{"on": "opened", "to": "end"}]},
            {"id": "end", "action": "stop"},
        ],
    });
    change(&mut plan);
    parse(plan.to_string().as_bytes()).expect("it has the shape of a plan")
}

#[track_caller]
fn refused(change: impl FnOnce(&mut Value), code: ProblemCode, path: &str) {
    let problems = compile(&plan(change)).expect_err("it may not run");
    assert!(problems.iter().any(|problem| problem.code == code && problem.path == path), "{problems:#?}");
}

#[test]
fn a_good_plan_compiles_with_its_defaults() {
    let compiled = compile(&plan(|_| {})).expect("a good plan");
    assert_eq!(compiled.messages_max, Some(2));
    assert_eq!(compiled.nodes[0].next[0].after, Some(Span::hours(72)));
    assert!(compiled.warnings.is_empty(), "{:?}", compiled.warnings);
}

#[test]
fn equal_plans_have_one_hash_however_they_were_written() {
    let one = compile(&plan(|plan| plan["nodes"][0]["transitions"][0]["after"] = json!("P3D"))).expect("a good plan");
    let same =
        compile(&plan(|plan| plan["nodes"][0]["transitions"][0]["after"] = json!("PT72H"))).expect("a good plan");
    let other = compile(&plan(|plan| plan["nodes"][0]["subject"] = json!("Other"))).expect("a good plan");
    assert_eq!((one.hash.len(), &one.hash), (64, &same.hash));
    assert_ne!(one.hash, other.hash);
}

#[test]
fn what_points_nowhere_is_named_with_what_was_likely_meant() {
    refused(|plan| plan["startNodeId"] = json!("zero"), ProblemCode::UnknownNode, "startNodeId");
    let wrong = |plan: &mut Value| plan["nodes"][0]["transitions"][0]["to"] = json!("Second");
    refused(wrong, ProblemCode::UnknownNode, "nodes[0].transitions[0].to");
    let problems = compile(&plan(wrong)).expect_err("it may not run");
    assert_eq!(problems[0].hint.as_deref(), Some("did you mean second?"));
    refused(|plan| plan["nodes"][0]["transitions"] = json!([]), ProblemCode::UnreachableNode, "nodes[1]");
}

#[test]
fn a_loop_must_take_time() {
    let back = |on: &str, extra: Value| {
        let mut way = json!({"on": on, "to": "first"});
        way.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
        move |plan: &mut Value| plan["nodes"][1]["transitions"] = json!([way, {"on": "no_open", "to": "end"}])
    };
    let mut good = plan(back("opened", json!({})));
    assert!(compile(&good).is_ok(), "no_open takes its time on the way");
    good.nodes[0].transitions[0].on = PlanEvent::Opened;
    let problems = compile(&good).expect_err("it may not run");
    assert!(problems.iter().any(|problem| problem.code == ProblemCode::LoopWithoutWait), "{problems:?}");
    good.nodes[0].schedule = Some(Schedule::Delay(Span::days(1)));
    assert_eq!(compile(&good).map(|compiled| compiled.messages_max), Ok(None));
}

#[test]
fn contents_are_checked_before_anybody_gets_them() {
    refused(|plan| plan["nodes"][0]["body"] = json!("<p>Hi</p>"), ProblemCode::MissingUnsubscribeLink, "nodes[0].body");
    refused(|plan| plan["nodes"][0]["subject"] = json!(" "), ProblemCode::MissingContent, "nodes[0].subject");
    refused(|plan| plan["nodes"][0]["body"] = json!("{{#if a}}"), ProblemCode::InvalidTemplate, "nodes[0].body");
    refused(|plan| plan["nodes"][2]["body"] = json!("x"), ProblemCode::MisplacedField, "nodes[2].body");
    refused(|plan| plan["nodes"][0]["channel"] = json!("sms"), ProblemCode::NotAvailable, "nodes[0].channel");
    let compiled = compile(&plan(|plan| plan["nodes"][0]["subject"] = json!("Hi {{name}}"))).expect("it may run");
    assert_eq!(compiled.warnings.len(), 1);
    let warning = &compiled.warnings[0];
    assert_eq!((warning.code, warning.severity), (ProblemCode::VariableWithoutFallback, Severity::Warning));
    assert_eq!(warning.hint.as_deref(), Some(r#"{{default name "…"}}"#));
}

#[test]
fn times_stand_where_they_mean_something() {
    let way =
        |way: Value| move |plan: &mut Value| plan["nodes"][0]["transitions"].as_array_mut().expect("ways").push(way);
    let second = "nodes[0].transitions[1]";
    for (bad, code, field) in [
        (json!({"on": "elapsed", "to": "end"}), ProblemCode::MissingContent, "after"),
        (json!({"on": "opened", "to": "end", "after": "P1D"}), ProblemCode::MisplacedField, "after"),
        (json!({"on": "no_click", "to": "end", "within": "P1D"}), ProblemCode::MisplacedField, "within"),
        (json!({"on": "no_click", "to": "end", "after": "PT0S"}), ProblemCode::DelayOutOfRange, "after"),
        (json!({"on": "no_open", "to": "end"}), ProblemCode::DuplicateTransition, "on"),
        (json!({"on": "unsubscribed", "to": "second"}), ProblemCode::SendAfterStop, "to"),
    ] {
        refused(way(bad), code, &format!("{second}.{field}"));
    }
    refused(
        |plan| plan["nodes"][2]["schedule"] = json!({"delay": "P1D"}),
        ProblemCode::MisplacedField,
        "nodes[2].schedule",
    );
    refused(|plan| plan["defaults"] = json!({"noOpen": "PT0S"}), ProblemCode::DelayOutOfRange, "defaults.noOpen");
    refused(
        |plan| plan["quietHours"] = json!({"start": "08:00", "end": "08:00"}),
        ProblemCode::InvalidHours,
        "quietHours",
    );
}

#[test]
fn a_timer_that_comes_too_late_is_told_of() {
    let late = plan(|plan| {
        plan["nodes"][1] = json!({"id": "second", "action": "wait", "schedule": {"delay": "P1D"},
            "transitions": [{"on": "no_click", "to": "end", "after": "P2D"}, {"on": "elapsed", "to": "end"}]});
    });
    let compiled = compile(&late).expect("it may run");
    let told: Vec<_> = compiled.warnings.iter().map(|warning| (warning.code, warning.path.as_str())).collect();
    assert_eq!(told, [(ProblemCode::NeverTaken, "nodes[1].transitions[0].after")]);
}

#[test]
fn everything_that_is_wrong_is_told_at_once_errors_first() {
    let broken = plan(|plan| {
        plan["nodes"][0]["subject"] = json!("{{name}}");
        plan["nodes"][0]["body"] = json!("no link");
        plan["nodes"][1]["id"] = json!("first");
        plan["version"] = json!(2);
    });
    let problems = compile(&broken).expect_err("it may not run");
    let first_warning = problems.iter().position(|problem| !problem.is_error()).unwrap_or(problems.len());
    assert!(problems[first_warning..].iter().all(|problem| !problem.is_error()));
    assert!(problems.len() >= 4, "{problems:#?}");
}
