use serde_json::{Value, json};

use super::json_schema;
use crate::plans::parse;

fn example() -> Value {
    serde_json::from_str(include_str!("examples/five_nodes.json")).expect("JSON")
}

#[test]
fn the_example_is_valid_by_the_schema_and_by_the_reader() {
    let schema = jsonschema::validator_for(&json_schema()).expect("a schema");
    let problems: Vec<String> = schema.iter_errors(&example()).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{problems:?}");
    assert!(parse(example().to_string().as_bytes()).is_ok());
}

#[test]
fn what_the_reader_refuses_the_schema_refuses_too() {
    let schema = jsonschema::validator_for(&json_schema()).expect("a schema");
    let changes: [fn(&mut Value); 8] = [
        |plan| plan["startNodeId"] = Value::Null,
        |plan| plan["nodes"][0]["action"] = json!("sent"),
        |plan| plan["nodes"][0]["transitions"][0]["on"] = json!("openned"),
        |plan| plan["nodes"][0]["transitions"][0]["afterwards"] = json!("P1D"),
        |plan| plan["nodes"][2]["schedule"] = json!({"delay": "3 days"}),
        |plan| plan["nodes"][2]["schedule"] = json!({"delai": "P3D"}),
        |plan| plan["quietHours"] = json!({"start": "9", "end": "10:00"}),
        |plan| plan["unknown"] = json!(1),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let mut plan = example();
        change(&mut plan);
        assert!(parse(plan.to_string().as_bytes()).is_err(), "change {at}");
        assert!(!schema.is_valid(&plan), "change {at}");
    }
}
