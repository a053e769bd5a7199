use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::address::Address;
use domain::ids::{ContactId, EnrollmentId};
use domain::plans::Zone;
use serde_json::{Map, Value};

/// A contact to be enrolled. What stands here of a contact that is known already is added to it.
#[derive(Debug, Clone)]
pub struct NewEnrollment {
    pub id: EnrollmentId,
    /// Of the contact, where its address is not known yet.
    pub contact: ContactId,
    pub address: Address,
    pub name: Option<String>,
    pub external_id: Option<String>,
    pub timezone: Option<Zone>,
    pub contact_data: Map<String, Value>,
    /// For this enrollment's messages alone.
    pub data: Map<String, Value>,
    /// Not before.
    pub start_at: Option<DateTime<Utc>>,
    pub reply_to: Option<Address>,
    pub headers: BTreeMap<String, String>,
    pub tags: Vec<String>,
    pub test_mode: bool,
    /// Once more, though the contact was enrolled before: what still runs is called off.
    pub force_new: bool,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnrollAnswer {
    Enrolled {
        id: EnrollmentId,
        contact: ContactId,
    },
    /// The contact is enrolled in this campaign already.
    Existing {
        id: EnrollmentId,
        contact: ContactId,
    },
    /// The address may not be mailed.
    Suppressed {
        reason: String,
        since: DateTime<Utc>,
    },
}
