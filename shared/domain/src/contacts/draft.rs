use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::address::Address;
use crate::messages::draft::{SEND_AT_MAX_DAYS, check_data, check_headers, check_tags};
use crate::messages::headers;
use crate::plans::Zone;
use crate::problems::Problems;

const NAME_MAX: usize = 200;

/// A contact as a caller tells of it.
#[derive(Debug, Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"email": "dora@example.com", "name": "Dora", "timezone": "Europe/Berlin", "data": {"company": "Acme"}}))]
pub struct ContactDraft {
    pub email: String,
    #[serde(default)]
    pub name: Option<String>,
    /// Your own id of it: a lead.
    #[serde(default)]
    pub external_id: Option<String>,
    /// IANA name; without one the plan's zone holds.
    #[serde(default)]
    pub timezone: Option<Zone>,
    /// What templates read; added to what is known.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub data: Map<String, Value>,
}

#[derive(Debug, Clone)]
pub struct NewContact {
    pub address: Address,
    pub name: Option<String>,
    pub external_id: Option<String>,
    pub timezone: Option<Zone>,
    pub data: Map<String, Value>,
}

/// How a contact is enrolled.
#[derive(Debug, Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EnrollmentOptions {
    /// Not before then; within 366 days.
    pub start_at: Option<DateTime<Utc>>,
    /// Everything but the send, and a day passes in a minute.
    pub test_mode: bool,
    pub reply_to: Option<String>,
    /// Up to 10, each of 1 to 64 characters of A-Z a-z 0-9 _ - . :
    #[schema(max_items = 10)]
    pub tags: Vec<String>,
    /// Up to 20 headers, none that Postfleet writes itself.
    pub headers: BTreeMap<String, String>,
    /// Once more, though the contact was enrolled before: what still runs is called off.
    pub force_new: bool,
    /// What the templates of this enrollment read, before the contact's own.
    #[schema(value_type = Object)]
    pub data: Map<String, Value>,
}

impl ContactDraft {
    /// Checks every field under `path`; `None` where something was wrong, and the problems say what.
    pub fn check(self, path: &str, problems: &mut Problems) -> Option<NewContact> {
        let field = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        let address = problems.keep(&field("email"), Address::parse(self.email.trim()));
        let fits = |text: &Option<String>| {
            text.as_ref()
                .is_none_or(|text| (1..=NAME_MAX).contains(&text.chars().count()) && headers::is_header_text(text))
        };
        let bound = "has 1 to 200 characters, none of them a control character";
        problems.require(&field("name"), fits(&self.name), bound);
        problems.require(&field("external_id"), fits(&self.external_id), bound);
        check_data(&field("data"), &self.data, problems);
        let Self { name, external_id, timezone, data, .. } = self;
        address.map(|address| NewContact { address, name, external_id, timezone, data })
    }
}

impl EnrollmentOptions {
    pub fn check(&self, path: &str, now: DateTime<Utc>, problems: &mut Problems) -> Option<Address> {
        let field = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        if let Some(at) = self.start_at {
            let near = (at - now).num_days().abs() <= SEND_AT_MAX_DAYS;
            problems.require(&field("start_at"), near, "is more than 366 days away");
        }
        check_tags(&field("tags"), &self.tags, problems);
        check_headers(&field("headers"), &self.headers, problems);
        check_data(&field("data"), &self.data, problems);
        let read = self.reply_to.as_deref().map(Address::parse);
        read.and_then(|read| problems.keep(&field("reply_to"), read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_contact_is_checked_field_by_field() {
        let mut problems = Problems::default();
        let draft = ContactDraft {
            email: "no address".to_owned(),
            name: Some("line\nbreak".to_owned()),
            external_id: Some(String::new()),
            data: Map::from_iter([("a".to_owned(), json!("\0"))]),
            timezone: None,
        };
        assert!(draft.check("contact", &mut problems).is_none());
        let named: Vec<String> = problems.list().into_iter().map(|problem| problem.field).collect();
        assert_eq!(named, ["contact.email", "contact.name", "contact.external_id", "contact.data"]);
    }

    #[test]
    fn headers_are_named_one_by_one_and_too_many_together() {
        let named = |headers: BTreeMap<String, String>| {
            let (mut problems, options) = (Problems::default(), EnrollmentOptions { headers, ..Default::default() });
            options.check("options", DateTime::UNIX_EPOCH, &mut problems);
            problems.list().into_iter().map(|problem| problem.field).collect::<Vec<_>>()
        };
        let many = (0..21).map(|at| (format!("X-{at}"), "a".to_owned()));
        assert_eq!(named(many.collect()), ["options.headers"]);
        assert_eq!(named([("From".to_owned(), "a".to_owned())].into()), ["options.headers.From"]);
    }

    #[test]
    fn an_address_with_blanks_around_it_is_read() {
        let mut problems = Problems::default();
        let contact = ContactDraft { email: " Ann@Example.com ".to_owned(), ..ContactDraft::default() };
        let contact = contact.check("", &mut problems).expect("a contact");
        assert_eq!(contact.address.as_str(), "Ann@example.com");
        assert!(problems.is_empty());
    }
}
