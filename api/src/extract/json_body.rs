use axum::body::{Body, to_bytes};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::ApiError;

/// Reads a body up to a limit, and no further.
pub async fn read_body(body: Body, most: usize, too_large: &'static str) -> Result<Bytes, ApiError> {
    to_bytes(body, most).await.map_err(|error| {
        // axum tells "too long" and "the client went away" apart only by the source of the error.
        let text = format!("{error:?}");
        if text.contains("LengthLimit") {
            ApiError::payload_too_large(too_large)
        } else {
            ApiError::invalid_field("", "the body could not be read")
        }
    })
}

/// Parses JSON and names the field where it goes wrong. Its path is kept only where it is needed, on a second way.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).or_else(|_| explain(bytes))
}

fn explain<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let problem = error.inner().to_string();
        let field = if path == "." { quoted(&problem).unwrap_or_default() } else { path };
        ApiError::invalid_field(&field, without_place(&problem))
    })?;
    reader.end().map_err(|_| ApiError::invalid_field("", "there is something behind the JSON document"))?;
    Ok(parsed)
}

/// As `parse`, where nothing need be sent.
pub fn parse_or<T: DeserializeOwned>(bytes: &[u8], nothing: T) -> Result<T, ApiError> {
    if bytes.trim_ascii().is_empty() || bytes.trim_ascii() == b"null" { Ok(nothing) } else { parse(bytes) }
}

/// serde names a missing or unknown field in its message: "missing field `to`".
fn quoted(problem: &str) -> Option<String> {
    ["missing field `", "unknown field `", "duplicate field `"]
        .into_iter()
        .find_map(|start| problem.strip_prefix(start)?.split('`').next())
        .map(str::to_owned)
}

fn without_place(problem: &str) -> String {
    problem.split(" at line ").next().unwrap_or(problem).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::messages::draft::MessageDraft;

    #[test]
    fn the_field_is_named_where_it_is_missing_unknown_or_wrong() {
        for (body, field) in [
            (r#"{"to": "a@b.cc"}"#, "sender"),
            (r#"{"sendr": "x"}"#, "sendr"),
            (r#"{"sender": "snd_01990000000070008000000000000001", "to": 5}"#, "to"),
            (r#"{"sender": "msg_01990000000070008000000000000001"}"#, "sender"),
            (r#"{"headers": {"X-A": 5}}"#, "headers.X-A"),
            (r#"{"priority": "urgent"}"#, "priority"),
            (r#"{"send_at": "tomorrow"}"#, "send_at"),
        ] {
            let error = parse::<MessageDraft>(body.as_bytes()).expect_err(body);
            let told = serde_json::to_value(error.detail()).expect("plain data");
            assert_eq!(told["details"][0]["field"], field, "{body}: {told}");
        }
        assert!(parse::<MessageDraft>(b"{").is_err());
        assert!(parse::<serde_json::Value>(b"{} {}").is_err());
    }
}
