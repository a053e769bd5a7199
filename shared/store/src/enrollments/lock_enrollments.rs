use domain::campaigns::CampaignState;
use domain::engine::Enrollment;
use domain::ids::{CampaignId, ContactId, EnrollmentId, SenderId, TenantId};
use serde_json::{Map, Value};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Result, StoreError};

/// An enrollment that is ours until the transaction ends, and what its messages are made of.
#[derive(Debug, Clone)]
pub struct LockedEnrollment {
    pub id: EnrollmentId,
    pub tenant: TenantId,
    pub campaign: CampaignId,
    pub campaign_state: CampaignState,
    pub contact: ContactId,
    pub plan_hash: [u8; 32],
    pub engine: Enrollment,
    pub is_active: bool,
    pub(crate) sender: Option<SenderId>,
    pub(crate) mail: MailFacts,
}

/// What is alike in every message of an enrollment.
#[derive(Debug, Clone, Default)]
pub(crate) struct MailFacts {
    pub address: String,
    pub secret: Uuid,
    pub reply_to: Option<String>,
    pub headers: Option<Value>,
    pub tags: Option<Vec<String>>,
    pub campaign_name: String,
    pub contact_name: Option<String>,
    pub external_id: Option<String>,
    pub owner: Option<String>,
    pub contact_data: Map<String, Value>,
    pub data: Map<String, Value>,
}

row! {
    struct Row {
        id: Uuid,
        campaign_id: Uuid,
        contact_id: Uuid,
        plan_hash: Vec<u8>,
        address: String,
        secret: Uuid,
        state: String,
        engine: Value,
        reply_to: Option<String>,
        headers: Option<Value>,
        tags: Option<Vec<String>>,
        data: Option<Value>,
        campaign_name: String,
        campaign_sender: Option<Uuid>,
        campaign_reply_to: Option<String>,
        campaign_state: String,
        contact_name: Option<String>,
        external_id: Option<String>,
        owner: Option<String>,
        contact_data: Option<Value>,
    }
}

/// Locks these enrollments, those that the tenant has.
pub(crate) async fn lock(
    connection: &mut PgConnection,
    tenant: TenantId,
    ids: &[EnrollmentId],
) -> Result<Vec<LockedEnrollment>> {
    let rows: Vec<Row> = sqlx::query_as(include_str!("lock_enrollments.sql"))
        .bind(tenant.uuid())
        .bind(ids.iter().map(|id| id.uuid()).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    rows.into_iter().map(|row| row.read(tenant)).collect()
}

impl Row {
    fn read(self, tenant: TenantId) -> Result<LockedEnrollment> {
        let unreadable = |column| StoreError::Unreadable { noun: "enrollments", column };
        Ok(LockedEnrollment {
            id: EnrollmentId(self.id),
            tenant,
            campaign: CampaignId(self.campaign_id),
            campaign_state: CampaignState::parse(&self.campaign_state)
                .ok_or(StoreError::Unreadable { noun: "campaigns", column: "state" })?,
            contact: ContactId(self.contact_id),
            plan_hash: self.plan_hash.try_into().map_err(|_| unreadable("plan_hash"))?,
            engine: serde_json::from_value(self.engine).map_err(|_| unreadable("engine"))?,
            is_active: self.state == ACTIVE,
            sender: self.campaign_sender.map(SenderId),
            mail: MailFacts {
                address: self.address,
                secret: self.secret,
                reply_to: self.reply_to.or(self.campaign_reply_to),
                headers: self.headers,
                tags: self.tags,
                campaign_name: self.campaign_name,
                contact_name: self.contact_name,
                external_id: self.external_id,
                owner: self.owner,
                contact_data: object(self.contact_data),
                data: object(self.data),
            },
        })
    }
}

pub(crate) const ACTIVE: &str = "active";

pub(crate) fn object(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    }
}
