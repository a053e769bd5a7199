use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::EventKind;
use crate::address::Address;
use crate::ids::{CampaignId, EnrollmentId, MessageId};
use crate::messages::draft::check_data;
use crate::problems::{FieldProblem, Problems};

/// How long ago an event may have happened.
const OLDEST_DAYS: i64 = 366;
/// A teller's clock may be ahead of ours by so much.
const AHEAD: TimeDelta = TimeDelta::minutes(10);
const EVENT_ID_MAX: usize = 200;

/// What a caller tells of a contact.
#[derive(Debug, Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"type": "conversion", "contact_email": "ann@example.com", "metadata": {"order": "A-17"}}))]
pub struct EventDraft {
    #[serde(rename = "type")]
    pub kind: EventType,
    /// Whose it is: this contact's, or that of an enrollment or a message.
    #[serde(default)]
    pub contact_email: Option<String>,
    /// Of a contact: only in this campaign.
    #[serde(default)]
    pub campaign_id: Option<CampaignId>,
    #[serde(default)]
    pub enrollment_id: Option<EnrollmentId>,
    #[serde(default)]
    pub message_id: Option<MessageId>,
    /// When it happened; now, where nothing is said.
    #[serde(default)]
    pub occurred_at: Option<DateTime<Utc>>,
    /// Your own id of it: told twice, it counts once.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 200)]
    pub event_id: Option<String>,
    /// Kept with it.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventType {
    /// The goal is reached: nothing more of the enrollment is sent.
    Conversion,
    /// Nothing more is sent to the address.
    Unsubscribe,
    Open,
    Click,
    Reply,
    Bounce,
    Complaint,
    Delivery,
    Custom,
}

/// An event that may be taken in.
#[derive(Debug, Clone)]
pub struct NewEvent {
    pub kind: EventKind,
    pub address: Option<Address>,
    pub campaign: Option<CampaignId>,
    pub enrollment: Option<EnrollmentId>,
    pub message: Option<MessageId>,
    pub occurred_at: DateTime<Utc>,
    pub event_id: Option<String>,
    pub metadata: Map<String, Value>,
}

impl EventDraft {
    pub fn validate(self, now: DateTime<Utc>) -> Result<NewEvent, Vec<FieldProblem>> {
        let mut problems = Problems::default();
        let address = self.contact_email.as_deref().map(Address::parse);
        let address = address.and_then(|read| problems.keep("contact_email", read));
        let named = [self.contact_email.is_some(), self.enrollment_id.is_some(), self.message_id.is_some()];
        let one = named.into_iter().filter(|named| *named).count() == 1;
        problems.require("contact_email", one, "give exactly one of contact_email, enrollment_id and message_id");
        let of_contact = self.campaign_id.is_none() || self.contact_email.is_some();
        problems.require("campaign_id", of_contact, "goes with contact_email only");
        if let Some(at) = self.occurred_at {
            let known = at <= now + AHEAD && (now - at).num_days() <= OLDEST_DAYS;
            problems.require("occurred_at", known, "lies in the future, or more than 366 days ago");
        }
        let fits = self.event_id.as_ref().is_none_or(|id| (1..=EVENT_ID_MAX).contains(&id.len()));
        problems.require("event_id", fits, "has 1 to 200 bytes");
        check_data("metadata", &self.metadata, &mut problems);
        if !problems.is_empty() {
            return Err(problems.list());
        }
        Ok(NewEvent {
            kind: self.kind.kind(),
            address,
            campaign: self.campaign_id,
            enrollment: self.enrollment_id,
            message: self.message_id,
            occurred_at: self.occurred_at.unwrap_or(now).min(now),
            event_id: self.event_id,
            metadata: self.metadata,
        })
    }
}

impl EventType {
    fn kind(self) -> EventKind {
        match self {
            Self::Conversion => EventKind::Converted,
            Self::Unsubscribe => EventKind::Unsubscribed,
            Self::Open => EventKind::Opened,
            Self::Click => EventKind::Clicked,
            Self::Reply => EventKind::Replied,
            Self::Bounce => EventKind::Bounced,
            Self::Complaint => EventKind::Complained,
            Self::Delivery => EventKind::Delivered,
            Self::Custom => EventKind::Custom,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn validate(draft: Value) -> Result<NewEvent, Vec<FieldProblem>> {
        let draft: EventDraft = serde_json::from_value(draft).expect("the form of an event");
        draft.validate(DateTime::UNIX_EPOCH + TimeDelta::days(400))
    }

    #[test]
    fn an_event_is_of_exactly_one_thing() {
        let email = json!({"type": "conversion", "contact_email": "a@example.com"});
        assert_eq!(validate(email).expect("good").kind, EventKind::Converted);
        let both = json!({"type": "open", "contact_email": "a@example.com",
            "message_id": "msg_01990000000070008000000000000005"});
        let none = json!({"type": "open"});
        let elsewhere = json!({"type": "open", "enrollment_id": "enr_0199000000007000800000000000000b",
            "campaign_id": "cmp_01990000000070008000000000000009"});
        for (draft, field) in [(both, "contact_email"), (none, "contact_email"), (elsewhere, "campaign_id")] {
            assert_eq!(validate(draft).expect_err("bad")[0].field, field);
        }
    }

    #[test]
    fn an_event_of_the_future_is_refused_and_a_clock_that_is_ahead_is_not() {
        let at = |minutes| {
            let at = DateTime::UNIX_EPOCH + TimeDelta::days(400) + TimeDelta::minutes(minutes);
            validate(json!({"type": "click", "contact_email": "a@example.com", "occurred_at": at}))
        };
        assert!(at(11).is_err());
        let ahead = at(9).expect("good");
        assert_eq!(ahead.occurred_at, DateTime::UNIX_EPOCH + TimeDelta::days(400), "never later than now");
        assert!(at(-366 * 24 * 60 - 24 * 60).is_err());
    }
}
