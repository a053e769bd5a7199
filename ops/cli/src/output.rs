use std::fmt::Display;
use std::io::Write;

use clap::Args;
use serde_json::{Value, json};

/// Prints a line. Who closes the other end has seen enough.
pub fn say(line: impl Display) {
    if writeln!(std::io::stdout().lock(), "{line}").is_err() {
        std::process::exit(0);
    }
}

/// How a command answers.
#[derive(Args, Debug, Clone, Copy)]
pub struct OutputOptions {
    /// Print one JSON object instead of text.
    #[arg(long, global = true)]
    pub json: bool,
}

impl OutputOptions {
    /// Prints an object as JSON, or as `name: value` lines.
    pub fn print(self, answer: &Value) {
        match (self.json, answer) {
            (false, Value::Object(fields)) => {
                for (name, value) in fields {
                    say(format_args!("{name}: {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
                }
            }
            _ => say(answer),
        }
    }

    /// Prints a page as the API told it, or its rows and how to ask for the next.
    pub fn print_page(self, page: &Value, columns: &[&str]) {
        if self.json {
            say(page);
            return;
        }
        self.print_rows(page["data"].as_array().map_or(&[][..], Vec::as_slice), columns);
        if let Some(cursor) = page["next_cursor"].as_str() {
            say(format_args!("more: --cursor {cursor}"));
        }
    }

    /// Prints a list as JSON, or as aligned columns under their names.
    pub fn print_rows(self, rows: &[Value], columns: &[&str]) {
        if self.json {
            say(json!({"data": rows}));
            return;
        }
        let text = |row: &Value, column: &str| match &row[column] {
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            Value::Array(items) => {
                items.iter().map(|item| item.as_str().unwrap_or_default()).collect::<Vec<_>>().join(",")
            }
            other => other.to_string(),
        };
        let widths: Vec<usize> = columns
            .iter()
            .map(|column| {
                rows.iter().map(|row| text(row, column).chars().count()).chain([column.len()]).max().unwrap_or(0)
            })
            .collect();
        let line = |cells: Vec<String>| {
            let padded: Vec<String> =
                cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width)).collect();
            say(padded.join("  ").trim_end());
        };
        line(columns.iter().map(|column| column.to_uppercase()).collect());
        for row in rows {
            line(columns.iter().map(|column| text(row, column)).collect());
        }
    }
}
