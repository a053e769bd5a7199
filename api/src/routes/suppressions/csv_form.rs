//! Suppressions as lines: CSV with a header, or one JSON object per line.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use domain::suppressions::{SuppressionDraft, SuppressionReason};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::{ApiError, line_text, read_csv_line};

/// The columns of the CSV form, in order. An export can be imported as it is.
pub const COLUMNS: [&str; 5] = ["address", "reason", "source", "first_seen_at", "last_seen_at"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineForm {
    Csv,
    Ndjson,
}

impl LineForm {
    pub fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let given = headers.get(CONTENT_TYPE).and_then(|given| given.to_str().ok()).unwrap_or_default();
        match given.split(';').next().unwrap_or_default().trim() {
            "text/csv" => Ok(Self::Csv),
            "application/x-ndjson" | "application/jsonl" => Ok(Self::Ndjson),
            _ => Err(ApiError::unsupported_media_type(
                "send Content-Type: text/csv (with a header line) or application/x-ndjson",
            )),
        }
    }
}

/// As an export writes it: the times are not taken over.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonLine {
    address: String,
    #[serde(default)]
    reason: SuppressionReason,
    source: Option<String>,
    #[serde(rename = "first_seen_at")]
    _first_seen_at: Option<IgnoredAny>,
    #[serde(rename = "last_seen_at")]
    _last_seen_at: Option<IgnoredAny>,
}

impl JsonLine {
    fn draft(self) -> SuppressionDraft {
        SuppressionDraft { address: self.address, reason: self.reason, source: self.source }
    }
}

/// Reads lines one by one; of CSV the first names the columns.
pub struct LineReader {
    form: LineForm,
    columns: Option<Vec<String>>,
}

impl LineReader {
    pub fn new(form: LineForm) -> Self {
        Self { form, columns: None }
    }

    /// `Ok(None)`: the line says nothing: it is empty, or the header.
    pub fn read(&mut self, line: &str) -> Result<Option<SuppressionDraft>, String> {
        let Some(line) = line_text(line) else { return Ok(None) };
        match self.form {
            LineForm::Ndjson => {
                serde_json::from_str::<JsonLine>(line).map(|line| Some(line.draft())).map_err(|error| error.to_string())
            }
            LineForm::Csv => self.read_csv(line),
        }
    }

    fn read_csv(&mut self, line: &str) -> Result<Option<SuppressionDraft>, String> {
        let record = read_csv_line(line)?;
        let Some(columns) = &self.columns else {
            let columns: Vec<String> = record.iter().map(|name| name.trim().to_ascii_lowercase()).collect();
            if !columns.iter().any(|name| name == "address") {
                return Err("the first line names the columns, and one of them is address".to_owned());
            }
            self.columns = Some(columns);
            return Ok(None);
        };
        let cell = |name: &str| {
            let at = columns.iter().position(|column| column == name)?;
            record.get(at).map(str::trim).filter(|text| !text.is_empty())
        };
        let reason =
            cell("reason").map(|text| SuppressionReason::parse(text).ok_or_else(|| format!("{text:?} is no reason")));
        Ok(Some(SuppressionDraft {
            address: as_it_was(cell("address").unwrap_or_default()),
            reason: reason.transpose()?.unwrap_or_default(),
            source: cell("source").map(as_it_was),
        }))
    }
}

/// A cell that no spreadsheet takes for a formula.
pub fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\0', '\'']) { format!("'{cell}") } else { cell.to_owned() }
}

/// Takes back what `harmless` put before it.
fn as_it_was(cell: &str) -> String {
    cell.strip_prefix('\'').unwrap_or(cell).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_both_forms_say_the_same() {
        let mut csv = LineReader::new(LineForm::Csv);
        assert!(csv.read("\u{feff}Reason,address\r\n").expect("a header").is_none());
        let read = csv.read("bounce,\"ann@example.com\"\r\n").expect("well-formed").expect("a line");
        assert_eq!((read.address.as_str(), read.reason), ("ann@example.com", SuppressionReason::Bounce));
        assert!(csv.read("because,ann@example.com").is_err());
        let mut json = LineReader::new(LineForm::Ndjson);
        let read = json.read(r#"{"address": "ann@example.com", "reason": "bounce"}"#).expect("well-formed");
        assert_eq!(read.expect("a line").reason, SuppressionReason::Bounce);
        assert!(json.read("{").is_err());
        assert!(json.read("  ").expect("empty").is_none());
    }

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(harmless("=1+1"), "'=1+1");
        let mut csv = LineReader::new(LineForm::Csv);
        csv.read("address").expect("a header");
        for address in ["+ann@example.com", "'ann@example.com", "''ann@example.com"] {
            let read = csv.read(&harmless(address)).expect("well-formed").expect("a line");
            assert_eq!(read.address, address);
        }
    }
}
