use domain::ids::EnrollmentId;
use serde_json::{Map, Value, json};

use super::lock_enrollments::MailFacts;
use crate::unsubscribe::UnsubscribeToken;

/// Where the token of the link to unsubscribe stands in a message's data: who renders it knows our address.
pub const UNSUBSCRIBE_TOKEN: &str = "unsubscribe_token";

/// What the templates of an enrollment's messages read. What was given with the enrollment goes before the contact's
/// own, and what we say before both.
pub(crate) fn merge_data(id: EnrollmentId, mail: &MailFacts) -> Map<String, Value> {
    let mut data = mail.contact_data.clone();
    data.extend(mail.data.clone());
    let contact = Map::from_iter(data.iter().map(|(name, value)| (name.clone(), value.clone())));
    let mut say = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            data.insert(name.to_owned(), value.into());
        }
    };
    say("name", mail.contact_name.as_deref());
    say("email", Some(&mail.address));
    say("enrollment_id", Some(&id.to_string()));
    say("campaign_name", Some(&mail.campaign_name));
    say("journey_name", Some(&mail.campaign_name));
    say(UNSUBSCRIBE_TOKEN, Some(&UnsubscribeToken { enrollment: id, secret: mail.secret }.to_string()));
    let mut context = Value::Object(contact);
    context["name"] = json!(mail.contact_name);
    context["email"] = json!(mail.address);
    data.insert("contact".to_owned(), context);
    data.insert("lead".to_owned(), json!({"id": mail.external_id, "owner": mail.owner}));
    data
}
