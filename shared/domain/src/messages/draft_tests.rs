use super::*;
use chrono::TimeDelta;
use serde_json::json;

fn base() -> Value {
    json!({
        "sender": "snd_01990000000070008000000000000001",
        "to": "ann@example.com",
        "subject": "Hi {{name}}",
        "html": "<p>Hi {{name}}</p>",
    })
}

fn with(field: &str, value: Value) -> Result<NewMessage, InvalidDraft> {
    let mut draft = base();
    draft[field] = value;
    serde_json::from_value::<MessageDraft>(draft).expect("well-formed").validate(DateTime::UNIX_EPOCH, None)
}

fn fields(result: Result<NewMessage, InvalidDraft>) -> Vec<String> {
    match result {
        Ok(_) => Vec::new(),
        Err(InvalidDraft::Fields(problems) | InvalidDraft::Template(problems)) => {
            problems.into_iter().map(|problem| problem.field).collect()
        }
    }
}

#[test]
fn a_plain_message_is_accepted() {
    let message = with("priority", json!("high")).expect("valid");
    assert_eq!(message.priority, Priority::High);
    assert_eq!(message.to.as_str(), "ann@example.com");
}

#[test]
fn each_wrong_field_is_named() {
    for (field, value, named) in [
        ("to", json!("ann"), "to"),
        ("reply_to", json!("x"), "reply_to"),
        ("subject", json!(" "), "subject"),
        ("subject", json!("a\r\nBcc: eve@example.com"), "subject"),
        ("subject", json!("x".repeat(901)), "subject"),
        ("html", Value::Null, "html"),
        ("html", json!("nul\0"), "html"),
        ("data", json!({"a": [{"b": "\0"}]}), "data"),
        ("headers", json!({"X-A": "b\r\nBcc: eve@example.com"}), "headers.X-A"),
        ("tags", json!(vec!["t"; 11]), "tags"),
        ("tags", json!(["ok", "not ok"]), "tags[1]"),
        ("dedupe_key", json!(""), "dedupe_key"),
        ("send_at", json!(DateTime::UNIX_EPOCH + TimeDelta::days(400)), "send_at"),
        ("send_at", json!("-200000-01-01T00:00:00Z"), "send_at"),
        ("data", (0..40).fold(json!(1), |inner, _| json!({"a": inner})), "data"),
    ] {
        assert_eq!(fields(with(field, value)), [named], "{field}");
    }
}

#[test]
fn every_problem_is_reported_at_once() {
    let mut draft = base();
    draft["to"] = json!("nobody");
    draft["tags"] = json!([""]);
    let draft: MessageDraft = serde_json::from_value(draft).expect("well-formed");
    assert_eq!(fields(draft.validate(DateTime::UNIX_EPOCH, None)), ["to", "tags[0]"]);
}

#[test]
fn a_broken_template_has_its_own_error() {
    let result = with("html", json!("{{#if a}}"));
    assert!(matches!(result, Err(InvalidDraft::Template(ref problems)) if problems[0].field == "html"), "{result:?}");
}

#[test]
fn an_unknown_field_is_refused() {
    let mut draft = base();
    draft["sbject"] = json!("x");
    assert!(serde_json::from_value::<MessageDraft>(draft).is_err());
}
