use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::Plan;

/// Where OpenAPI keeps its shapes, and where JSON Schema does.
const OPENAPI: &str = "#/components/schemas/";
const JSON_SCHEMA: &str = "#/$defs/";

/// The format of plans as JSON Schema (2020-12), made from the types that read them.
pub fn json_schema() -> Value {
    let mut shapes = Vec::new();
    Plan::schemas(&mut shapes);
    let defs: Map<String, Value> = shapes.into_iter().map(|(name, shape)| (name, relocate(json!(shape)))).collect();
    let Value::Object(plan) = relocate(json!(<Plan as utoipa::PartialSchema>::schema())) else { return Value::Null };
    let mut schema = Map::from_iter([
        ("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema")),
        ("title".to_owned(), json!("Postfleet campaign plan")),
    ]);
    schema.extend(plan);
    schema.insert("$defs".to_owned(), Value::Object(defs));
    Value::Object(schema)
}

fn relocate(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(key, value)| match (key.as_str(), &value) {
                    ("$ref", Value::String(to)) => (key, json!(to.replace(OPENAPI, JSON_SCHEMA))),
                    _ => (key, relocate(value)),
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(relocate).collect()),
        other => other,
    }
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
