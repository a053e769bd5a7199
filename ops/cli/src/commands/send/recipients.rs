//! A file of recipients, line by line.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use ::api::{line_text, read_csv_line};
use anyhow::Context;
use serde_json::{Map, Value, json};

const LINE_MAX_BYTES: usize = 300 * 1024;

enum Form {
    /// With its columns, once they were read.
    Csv(Option<Vec<String>>),
    Ndjson,
}

pub struct Recipients {
    reader: BufReader<File>,
    form: Form,
    line: u64,
    read_bytes: u64,
}

impl Recipients {
    /// Answers its length too.
    pub fn open(file: &Path) -> anyhow::Result<(Self, u64)> {
        let form = match file.extension().and_then(|extension| extension.to_str()) {
            Some("csv") => Form::Csv(None),
            Some("ndjson" | "jsonl") => Form::Ndjson,
            _ => anyhow::bail!("{} ends neither in .csv nor in .ndjson or .jsonl", file.display()),
        };
        let opened = File::open(file).with_context(|| file.display().to_string())?;
        let bytes = opened.metadata()?.len();
        Ok((Self { reader: BufReader::new(opened), form, line: 0, read_bytes: 0 }, bytes))
    }

    /// The next line with its number, counted from 1.
    pub fn next_line(&mut self) -> anyhow::Result<Option<(u64, String)>> {
        let mut text = String::new();
        let read = self.reader.read_line(&mut text).context("the file is not UTF-8")?;
        if read == 0 {
            return Ok(None);
        }
        self.line += 1;
        self.read_bytes += read as u64;
        anyhow::ensure!(text.len() <= LINE_MAX_BYTES, "line {} has more than 300 KiB", self.line);
        Ok(Some((self.line, text)))
    }

    pub fn read_bytes(&self) -> u64 {
        self.read_bytes
    }
}

/// The message of a line: what all have, with the line's own on top. `None`: it is empty, or the header.
pub fn read_line(
    recipients: &mut Recipients,
    text: &str,
    common: &Map<String, Value>,
) -> Result<Option<Map<String, Value>>, String> {
    let Some(text) = line_text(text) else { return Ok(None) };
    match &mut recipients.form {
        Form::Ndjson => {
            let own: Map<String, Value> = serde_json::from_str(text).map_err(|error| error.to_string())?;
            let mut message = common.clone();
            message.extend(own);
            Ok(Some(message))
        }
        Form::Csv(columns) => {
            let record = read_csv_line(text)?;
            let cells: Vec<String> = record.iter().map(|cell| cell.trim().to_owned()).collect();
            let Some(columns) = columns else {
                *columns = Some(cells);
                return Ok(None);
            };
            csv_message(columns, &cells, common).map(Some)
        }
    }
}

fn csv_message(
    columns: &[String],
    cells: &[String],
    common: &Map<String, Value>,
) -> Result<Map<String, Value>, String> {
    let mut message = common.clone();
    let mut data = message.get("data").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut to = None;
    for (column, cell) in columns.iter().zip(cells) {
        if ["to", "email", "address"].contains(&column.to_ascii_lowercase().as_str()) && to.is_none() {
            to = Some(cell.clone());
        }
        data.insert(column.clone(), json!(cell));
    }
    message.insert("to".to_owned(), json!(to.ok_or("the first line names no column to, email or address")?));
    message.insert("data".to_owned(), Value::Object(data));
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_csv_is_a_recipient_with_merge_data() {
        let columns = ["Email".to_owned(), "name".to_owned()];
        let common = Map::from_iter([("data".to_owned(), json!({"company": "Acme", "name": "?"}))]);
        let message = csv_message(&columns, &["ann@example.com".into(), "Ann".into()], &common).expect("well-formed");
        assert_eq!(message["to"], "ann@example.com");
        assert_eq!(message["data"], json!({"company": "Acme", "name": "Ann", "Email": "ann@example.com"}));
        assert!(csv_message(&["name".to_owned()], &["Ann".into()], &common).is_err());
    }
}
