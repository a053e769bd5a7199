//! CSV read line by line, so that a wrong line costs only itself.

use csv::{ReaderBuilder, StringRecord};

/// A line without its end and, where it is the first of a file, without its byte-order mark. `None`: it is empty.
pub fn line_text(line: &str) -> Option<&str> {
    let line = line.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']);
    (!line.trim().is_empty()).then_some(line)
}

/// The cells of a line that is not empty.
pub fn read_csv_line(line: &str) -> Result<StringRecord, String> {
    if line.matches('"').count() % 2 == 1 {
        return Err("it has a quote without its other half: a cell may not go on in the next line".to_owned());
    }
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(line.as_bytes());
    match reader.records().next() {
        Some(Ok(record)) => Ok(record),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("it is no line of CSV".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_alone_and_an_open_quote_does_not_swallow_the_next() {
        assert_eq!(line_text("\u{feff}a,b\r\n"), Some("a,b"));
        assert_eq!(line_text(" \r\n"), None);
        let cells = read_csv_line("\"a \"\"b\"\"\", c").expect("well-formed");
        assert_eq!(cells.iter().collect::<Vec<_>>(), ["a \"b\"", " c"]);
        assert!(read_csv_line("\"a").is_err_and(|problem| problem.contains("quote")));
    }
}
