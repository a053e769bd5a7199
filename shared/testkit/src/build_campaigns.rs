//! Builders of campaigns and of who runs through them.

use domain::address::Address;
use domain::campaigns::{CampaignDraft, NewCampaign};
use domain::events::{EventDraft, NewEvent};
use domain::ids::{CampaignId, SenderId, TenantId};
use serde_json::{Map, Value, json};
use store::enrollments::NewEnrollment;

use crate::Build;

impl Build {
    /// A campaign that takes enrollments, from nodes of a plan.
    pub async fn campaign(&self, tenant: TenantId, sender: SenderId, nodes: Value) -> anyhow::Result<CampaignId> {
        let id = self.ids.next();
        let new = Self::new_campaign(sender, nodes)?;
        self.store.campaigns().create(tenant, id, &new, "test").await?;
        Ok(id)
    }

    pub fn new_campaign(sender: SenderId, nodes: Value) -> anyhow::Result<NewCampaign> {
        let start = nodes[0]["id"].clone();
        let draft = json!({"name": "Spring", "sender": sender, "start": true,
            "plan": {"version": 1, "startNodeId": start, "nodes": nodes}});
        let draft: CampaignDraft = serde_json::from_str(&draft.to_string())?;
        draft.validate().map_err(|invalid| anyhow::anyhow!("{invalid:?}"))
    }

    /// A node that sends, with these ways on.
    pub fn sends(id: &str, ways: Value) -> Value {
        json!({"id": id, "action": "send", "subject": format!("{id} for {{{{default name \"you\"}}}}"),
            "body": "<p>Hello {{default name \"you\"}}. <a href=\"{{unsubscribe_url}}\">No more</a></p>", "transitions": ways})
    }

    pub fn enrollment(&self, address: &str) -> NewEnrollment {
        NewEnrollment {
            id: self.ids.next(),
            contact: self.ids.next(),
            address: Address::parse(address).expect("an address"),
            name: None,
            external_id: None,
            timezone: None,
            contact_data: Map::new(),
            data: Map::new(),
            start_at: None,
            reply_to: None,
            headers: std::collections::BTreeMap::new(),
            tags: Vec::new(),
            test_mode: false,
            force_new: false,
        }
    }

    /// As `POST /v1/events` reads it.
    pub fn event(draft: Value, now: chrono::DateTime<chrono::Utc>) -> anyhow::Result<NewEvent> {
        let draft: EventDraft = serde_json::from_value(draft)?;
        draft.validate(now).map_err(|problems| anyhow::anyhow!("{problems:?}"))
    }
}
