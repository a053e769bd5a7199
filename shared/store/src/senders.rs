use domain::address::Address;
use domain::ids::{SenderId, TenantId};
use domain::senders::{FAULTS_BEFORE_PAUSE, TlsMode};
use sea_orm::{ActiveModelTrait, ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, Set};
use sqlx::PgPool;
use uuid::Uuid;

use crate::entities::sender;
use crate::pauses::{PauseAnswer, ResumeAnswer, pause_sql, resume_sql};
use crate::{Result, StoreError};

/// A sender to be stored. The secret is already encrypted: this crate never sees one in the clear.
#[derive(Debug, Clone)]
pub struct NewSender {
    pub id: SenderId,
    pub address: Address,
    pub display_name: Option<String>,
    pub smtp_host: String,
    pub smtp_port: u16,
    pub tls_mode: TlsMode,
    pub credentials: Option<(String, Vec<u8>)>,
    pub max_connections: u32,
}

/// How an account is reached, as stored.
#[derive(Debug, Clone)]
pub struct SenderAccount {
    pub id: SenderId,
    pub tenant: TenantId,
    pub address: String,
    pub display_name: Option<String>,
    pub smtp_host: String,
    pub smtp_port: u16,
    pub tls_mode: TlsMode,
    pub credentials: Option<(String, Vec<u8>)>,
    pub max_connections: u32,
    pub version: i32,
}

/// What the API needs to know of a sender to take a message for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderAddress {
    pub id: SenderId,
    pub archived: bool,
}

pub struct Senders<'a> {
    pub(crate) orm: &'a DatabaseConnection,
    pub(crate) pool: &'a PgPool,
}

impl Senders<'_> {
    pub async fn create(&self, tenant: TenantId, new: NewSender) -> Result<()> {
        let (username, secret) = new.credentials.unzip();
        let row = sender::ActiveModel {
            id: Set(new.id.uuid()),
            tenant_id: Set(tenant.uuid()),
            address: Set(new.address.as_str().to_owned()),
            display_name: Set(new.display_name),
            provider: Set("smtp".to_owned()),
            smtp_host: Set(new.smtp_host),
            smtp_port: Set(i32::from(new.smtp_port)),
            tls_mode: Set(new.tls_mode.as_str().to_owned()),
            username: Set(username),
            secret: Set(secret),
            max_connections: Set(new.max_connections as i32),
            ..Default::default()
        };
        row.insert(self.orm).await?;
        Ok(())
    }

    pub async fn account(&self, tenant: TenantId, id: SenderId) -> Result<Option<SenderAccount>> {
        let found = sender::Entity::find_by_id(id.uuid())
            .filter(sender::Column::TenantId.eq(tenant.uuid()))
            .one(self.orm)
            .await?;
        found.map(account).transpose()
    }

    /// Which of these belong to the tenant. Those that do not are simply absent.
    pub async fn known(&self, tenant: TenantId, ids: &[SenderId]) -> Result<Vec<SenderAddress>> {
        let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        let rows: Vec<(Uuid, bool)> =
            sqlx::query_as("SELECT id, archived_at IS NOT NULL FROM senders WHERE tenant_id = $1 AND id = ANY($2)")
                .bind(tenant.uuid())
                .bind(&ids)
                .fetch_all(self.pool)
                .await?;
        Ok(rows.into_iter().map(|(id, archived)| SenderAddress { id: SenderId(id), archived }).collect())
    }

    /// Charges a refusal that was the sender's own fault; after some in a row it is paused for a person to look at.
    /// Answers whether this one paused it.
    pub async fn charge_fault(&self, tenant: TenantId, id: SenderId, reason: &str) -> Result<bool> {
        let paused: Option<bool> = sqlx::query_scalar(
            "UPDATE senders SET faults = faults + 1,
                    paused_at = CASE WHEN faults + 1 >= $4 THEN COALESCE(paused_at, postfleet_now()) ELSE paused_at END,
                    pause_reason = CASE WHEN faults + 1 >= $4 THEN COALESCE(pause_reason, $3) ELSE pause_reason END,
                    paused_by = CASE WHEN faults + 1 >= $4 THEN COALESCE(paused_by, 'fleet') ELSE paused_by END
             WHERE tenant_id = $1 AND id = $2
             RETURNING paused_at = postfleet_now()",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .bind(reason)
        .bind(FAULTS_BEFORE_PAUSE)
        .fetch_optional(self.pool)
        .await?
        .flatten();
        Ok(paused.unwrap_or(false))
    }

    /// A message of this sender was accepted: what it was charged is forgiven.
    pub async fn forgive_faults(&self, tenant: TenantId, id: SenderId) -> Result<()> {
        sqlx::query(
            "UPDATE senders SET faults = 0 WHERE tenant_id = $1 AND id = $2 AND faults > 0 AND paused_at IS NULL",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .execute(self.pool)
        .await?;
        Ok(())
    }

    /// Nothing is committed for it from here on.
    pub async fn pause(&self, tenant: TenantId, id: SenderId, by: &str, reason: &str) -> Result<PauseAnswer> {
        let row = sqlx::query_as(pause_sql!("senders", "tenant_id = $3 AND id = $4"))
            .bind(by)
            .bind(reason)
            .bind(tenant.uuid())
            .bind(id.uuid())
            .fetch_optional(self.pool)
            .await?;
        Ok(PauseAnswer::read(row))
    }

    pub async fn resume(&self, tenant: TenantId, id: SenderId, as_operator: bool) -> Result<ResumeAnswer> {
        let row = sqlx::query_as(resume_sql!("senders", "tenant_id = $2 AND id = $3", ", faults = 0"))
            .bind(as_operator)
            .bind(tenant.uuid())
            .bind(id.uuid())
            .fetch_optional(self.pool)
            .await?;
        Ok(ResumeAnswer::read(row))
    }
}

fn account(row: sender::Model) -> Result<SenderAccount> {
    let unreadable = |column| StoreError::Unreadable { noun: "senders", column };
    Ok(SenderAccount {
        id: SenderId(row.id),
        tenant: TenantId(row.tenant_id),
        address: row.address,
        display_name: row.display_name,
        smtp_host: row.smtp_host,
        smtp_port: u16::try_from(row.smtp_port).map_err(|_| unreadable("smtp_port"))?,
        tls_mode: TlsMode::parse(&row.tls_mode).ok_or_else(|| unreadable("tls_mode"))?,
        credentials: row.username.zip(row.secret),
        max_connections: u32::try_from(row.max_connections).map_err(|_| unreadable("max_connections"))?,
        version: row.version,
    })
}
