use chrono::{DateTime, Utc};
use domain::ids::ContactId;
use serde::Serialize;
use serde_json::Value;
use store::contacts::ContactView;
use utoipa::ToSchema;

/// Who may be mailed.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContactBody {
    id: ContactId,
    emails: Vec<String>,
    name: Option<String>,
    external_id: Option<String>,
    owner: Option<String>,
    timezone: Option<String>,
    data: Option<Value>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<ContactView> for ContactBody {
    fn from(row: ContactView) -> Self {
        Self {
            id: ContactId(row.id),
            emails: row.addresses,
            name: row.name,
            external_id: row.external_id,
            owner: row.owner,
            timezone: row.timezone,
            data: row.data,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
