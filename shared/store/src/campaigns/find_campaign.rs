use chrono::{DateTime, Utc};
use domain::campaigns::{CampaignKind, CampaignState};
use domain::ids::{CampaignId, SenderId, TenantId};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row as _};
use uuid::Uuid;

use super::Campaigns;
use crate::{Result, StoreError};

#[derive(Debug, Clone)]
pub struct CampaignView {
    pub id: CampaignId,
    pub name: String,
    pub kind: CampaignKind,
    pub state: CampaignState,
    pub sender: Option<SenderId>,
    pub reply_to: Option<String>,
    pub version: u32,
    pub plan_hash: [u8; 32],
    pub paused_by: Option<String>,
    pub pause_reason: Option<String>,
    pub error: Option<String>,
    pub created_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub finished_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone)]
pub struct CampaignVersion {
    pub version: u32,
    pub plan_hash: Vec<u8>,
    pub generated_by: Option<String>,
    pub notes: Option<String>,
    pub created_by: String,
    pub created_at: DateTime<Utc>,
}

impl<'r> FromRow<'r, PgRow> for CampaignVersion {
    fn from_row(row: &'r PgRow) -> sqlx::Result<Self> {
        let version: i32 = row.try_get("version")?;
        Ok(Self {
            version: version.try_into().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            plan_hash: row.try_get("plan_hash")?,
            generated_by: row.try_get("generated_by")?,
            notes: row.try_get("notes")?,
            created_by: row.try_get("created_by")?,
            created_at: row.try_get("created_at")?,
        })
    }
}

row! {
    struct Row {
        id: Uuid,
        name: String,
        kind: String,
        state: String,
        sender_id: Option<Uuid>,
        reply_to: Option<String>,
        version: i32,
        plan_hash: Vec<u8>,
        paused_by: Option<String>,
        pause_reason: Option<String>,
        error: Option<String>,
        created_at: DateTime<Utc>,
        started_at: Option<DateTime<Utc>>,
        finished_at: Option<DateTime<Utc>>,
    }
}

impl Campaigns<'_> {
    pub async fn find(&self, tenant: TenantId, id: CampaignId) -> Result<Option<CampaignView>> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT c.id, c.name, c.kind, c.state, c.sender_id, c.reply_to, c.version, v.plan_hash, c.paused_by, c.pause_reason,
                    c.error, c.created_at, c.started_at, c.finished_at
             FROM campaigns c JOIN campaign_versions v ON v.campaign_id = c.id AND v.version = c.version
             WHERE c.tenant_id = $1 AND c.id = $2",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .fetch_optional(self.pool)
        .await?;
        row.map(Row::read).transpose()
    }

    /// The newest first, those before `before`.
    pub async fn list(
        &self,
        tenant: TenantId,
        state: Option<CampaignState>,
        before: Option<CampaignId>,
        limit: i64,
    ) -> Result<Vec<CampaignView>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT c.id, c.name, c.kind, c.state, c.sender_id, c.reply_to, c.version, v.plan_hash, c.paused_by, c.pause_reason,
                    c.error, c.created_at, c.started_at, c.finished_at
             FROM campaigns c JOIN campaign_versions v ON v.campaign_id = c.id AND v.version = c.version
             WHERE c.tenant_id = $1 AND ($2::uuid IS NULL OR c.id < $2) AND ($3::text IS NULL OR c.state = $3)
             ORDER BY c.id DESC LIMIT $4",
        )
        .bind(tenant.uuid())
        .bind(before.map(|id| id.uuid()))
        .bind(state.map(CampaignState::as_str))
        .bind(limit)
        .fetch_all(self.pool)
        .await?;
        rows.into_iter().map(Row::read).collect()
    }

    /// Every version of its plan, the newest first.
    pub async fn versions(&self, tenant: TenantId, id: CampaignId) -> Result<Vec<CampaignVersion>> {
        Ok(sqlx::query_as(
            "SELECT version, plan_hash, generated_by, notes, created_by, created_at FROM campaign_versions
             WHERE tenant_id = $1 AND campaign_id = $2 ORDER BY version DESC LIMIT 1000",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .fetch_all(self.pool)
        .await?)
    }
}

impl Row {
    fn read(self) -> Result<CampaignView> {
        let unreadable = |column| StoreError::Unreadable { noun: "campaigns", column };
        Ok(CampaignView {
            id: CampaignId(self.id),
            name: self.name,
            kind: CampaignKind::parse(&self.kind).ok_or_else(|| unreadable("kind"))?,
            state: CampaignState::parse(&self.state).ok_or_else(|| unreadable("state"))?,
            sender: self.sender_id.map(SenderId),
            reply_to: self.reply_to,
            version: u32::try_from(self.version).map_err(|_| unreadable("version"))?,
            plan_hash: self.plan_hash.try_into().map_err(|_| unreadable("plan_hash"))?,
            paused_by: self.paused_by,
            pause_reason: self.pause_reason,
            error: self.error,
            created_at: self.created_at,
            started_at: self.started_at,
            finished_at: self.finished_at,
        })
    }
}
