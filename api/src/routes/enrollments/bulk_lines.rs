//! Contacts as lines: CSV with a header, or one JSON object per line.

use domain::contacts::{ContactDraft, NewContact};
use domain::problems::Problems;
use serde_json::{Map, Value};

use crate::routes::suppressions::csv_form::LineForm;
use crate::{line_text, read_csv_line};

/// Reads lines one by one; of CSV the first names the columns, and those that are not a contact's own are its data.
pub struct ContactLines {
    form: LineForm,
    columns: Option<Vec<String>>,
}

const EMAIL_NAMES: [&str; 3] = ["email", "address", "contact_email"];

impl ContactLines {
    pub fn new(form: LineForm) -> Self {
        Self { form, columns: None }
    }

    /// Whether the columns are still to be named.
    pub fn wants_header(&self) -> bool {
        self.form == LineForm::Csv && self.columns.is_none()
    }

    /// Reads the columns' names.
    pub fn read_header(&mut self, line: &str) -> Result<(), String> {
        let cells = read_csv_line(line_text(line).unwrap_or_default())?;
        let columns: Vec<String> = cells.iter().map(|cell| cell.trim().to_owned()).collect();
        if !columns.iter().any(|name| EMAIL_NAMES.contains(&name.to_ascii_lowercase().as_str())) {
            return Err("names the columns, and one of them is email".to_owned());
        }
        self.columns = Some(columns);
        Ok(())
    }

    /// `None`: the line is empty.
    pub fn read(&self, line: &str) -> Option<Result<NewContact, String>> {
        let line = line_text(line)?;
        let draft = match self.form {
            LineForm::Ndjson => serde_json::from_str::<ContactDraft>(line).map_err(|error| error.to_string()),
            LineForm::Csv => self.read_csv(line),
        };
        Some(draft.and_then(|draft| {
            let mut problems = Problems::default();
            let contact = draft.check("", &mut problems);
            match (contact, problems.list().first()) {
                (Some(contact), None) => Ok(contact),
                (_, Some(problem)) => Err(format!("{}: {}", problem.field, problem.problem)),
                (None, None) => Err("is no contact".to_owned()),
            }
        }))
    }

    fn read_csv(&self, line: &str) -> Result<ContactDraft, String> {
        let cells = read_csv_line(line)?;
        let columns = self.columns.as_deref().unwrap_or_default();
        if cells.len() > columns.len() {
            return Err(format!("has {} cells under {} columns", cells.len(), columns.len()));
        }
        let (mut draft, mut data) = (ContactDraft::default(), Map::new());
        for (name, cell) in columns.iter().zip(cells.iter()).filter(|(_, cell)| !cell.is_empty()) {
            match name.to_ascii_lowercase().as_str() {
                email if EMAIL_NAMES.contains(&email) => draft.email = cell.to_owned(),
                "name" => draft.name = Some(cell.to_owned()),
                "external_id" => draft.external_id = Some(cell.to_owned()),
                "timezone" => draft.timezone = Some(cell.parse().map_err(|error| format!("timezone: {error}"))?),
                _ => drop(data.insert(name.clone(), Value::String(cell.to_owned()))),
            }
        }
        draft.data = data;
        Ok(draft)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same_and_unknown_columns_are_data() {
        let mut csv = ContactLines::new(LineForm::Csv);
        assert!(csv.wants_header());
        csv.read_header("\u{feff}Email,name,company\r\n").expect("a header");
        let read = csv.read("ann@example.com,Ann,\"Acme, Inc\"\r\n").expect("a line").expect("a contact");
        assert_eq!((read.address.as_str(), read.name.as_deref()), ("ann@example.com", Some("Ann")));
        assert_eq!(read.data["company"], "Acme, Inc");
        let json = ContactLines::new(LineForm::Ndjson);
        assert!(!json.wants_header());
        let line = r#"{"email": "ann@example.com", "data": {"company": "Acme"}}"#;
        assert_eq!(json.read(line).expect("a line").expect("a contact").data["company"], "Acme");
        assert!(json.read(" \n").is_none());
    }

    #[test]
    fn a_line_that_is_no_contact_says_why() {
        let mut csv = ContactLines::new(LineForm::Csv);
        assert!(csv.read_header("name,company").is_err());
        csv.read_header("email,timezone").expect("a header");
        for line in ["no address,", "a@example.com,Mars/Base", "a@example.com,UTC,more"] {
            assert!(csv.read(line).expect("a line").is_err(), "{line}");
        }
        assert!(ContactLines::new(LineForm::Ndjson).read("{").expect("a line").is_err());
    }
}
