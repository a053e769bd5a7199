use chrono::{DateTime, Utc};
use domain::address::Address;
use domain::ids::{SenderId, TenantId};
use domain::messages::wait::Pause;
use domain::senders::{CheckedSender, FAULTS_BEFORE_PAUSE, SenderState, TlsMode};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Set};
use sqlx::PgPool;
use uuid::Uuid;

use crate::entities::sender;
use crate::pauses::{FLEET, PauseAnswer, ResumeAnswer, pause_sql, resume_sql};
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

impl NewSender {
    /// `secret`: its password, encrypted.
    pub fn new(id: SenderId, sender: CheckedSender, secret: Option<Vec<u8>>) -> Self {
        Self {
            id,
            address: sender.address,
            display_name: sender.display_name,
            smtp_host: sender.smtp_host,
            smtp_port: sender.smtp_port,
            tls_mode: sender.tls,
            credentials: sender.username.zip(secret),
            max_connections: sender.max_connections,
        }
    }
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

/// A sender as its owner sees it: without its secret.
#[derive(Debug, Clone)]
pub struct SenderView {
    pub account: SenderAccount,
    pub faults: i32,
    pub pause: Option<Pause>,
    pub archived_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

impl SenderView {
    pub fn state(&self) -> SenderState {
        match (self.archived_at, &self.pause) {
            (Some(_), _) => SenderState::Archived,
            (None, Some(_)) => SenderState::Paused,
            (None, None) => SenderState::Active,
        }
    }
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderChange {
    Changed,
    /// Somebody else changed it meanwhile.
    Stale,
    Missing,
}

/// What the API needs to know of a sender to take a message for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderAddress {
    pub id: SenderId,
    pub archived: bool,
}

/// Which senders of a tenant.
#[derive(Debug, Clone, Copy)]
pub struct SenderPage {
    pub before: Option<SenderId>,
    /// Archived ones too.
    pub archived: bool,
    pub limit: u64,
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
        // Its creation may be repeated after a crash, under the same id and before anybody has seen the first.
        let again = OnConflict::column(sender::Column::Id)
            .update_columns([sender::Column::Username, sender::Column::Secret])
            .to_owned();
        sender::Entity::insert(row).on_conflict(again).exec_without_returning(self.orm).await?;
        Ok(())
    }

    /// A page, the newest first, before `before`.
    pub async fn list(&self, tenant: TenantId, asked: &SenderPage) -> Result<Vec<SenderView>> {
        let mut found = sender::Entity::find()
            .filter(sender::Column::TenantId.eq(tenant.uuid()))
            .order_by_desc(sender::Column::Id)
            .limit(asked.limit);
        if let Some(before) = asked.before {
            found = found.filter(sender::Column::Id.lt(before.uuid()));
        }
        if !asked.archived {
            found = found.filter(sender::Column::ArchivedAt.is_null());
        }
        found.all(self.orm).await?.into_iter().map(view).collect()
    }

    pub async fn find(&self, tenant: TenantId, id: SenderId) -> Result<Option<SenderView>> {
        let found = sender::Entity::find_by_id(id.uuid())
            .filter(sender::Column::TenantId.eq(tenant.uuid()))
            .one(self.orm)
            .await?;
        found.map(view).transpose()
    }

    /// Replaces an account as it was at `version`; workers notice by the version.
    pub async fn update(&self, tenant: TenantId, version: i32, new: NewSender) -> Result<SenderChange> {
        let (username, secret) = new.credentials.unzip();
        let changed = sqlx::query(
            "UPDATE senders SET address = $4, display_name = $5, smtp_host = $6, smtp_port = $7, tls_mode = $8,
                    username = $9, secret = $10, max_connections = $11, version = version + 1
             WHERE tenant_id = $1 AND id = $2 AND version = $3 AND archived_at IS NULL",
        )
        .bind(tenant.uuid())
        .bind(new.id.uuid())
        .bind(version)
        .bind(new.address.as_str())
        .bind(new.display_name)
        .bind(new.smtp_host)
        .bind(i32::from(new.smtp_port))
        .bind(new.tls_mode.as_str())
        .bind(username)
        .bind(secret)
        .bind(new.max_connections as i32)
        .execute(self.pool)
        .await?;
        if changed.rows_affected() > 0 {
            return Ok(SenderChange::Changed);
        }
        Ok(if self.known(tenant, &[new.id]).await?.is_empty() { SenderChange::Missing } else { SenderChange::Stale })
    }

    /// Nothing can be sent from it any more: what waits for it fails when its turn comes. Repeating it changes nothing.
    pub async fn archive(&self, tenant: TenantId, id: SenderId) -> Result<bool> {
        let archived = sqlx::query(
            "UPDATE senders SET archived_at = COALESCE(archived_at, postfleet_now()),
                    version = version + CASE WHEN archived_at IS NULL THEN 1 ELSE 0 END
             WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .execute(self.pool)
        .await?;
        Ok(archived.rows_affected() > 0)
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

    /// The names of the keys that stored passwords need, over all tenants. A secret begins with a version, the length of
    /// its key's name, and the name.
    pub async fn secret_key_names(&self) -> Result<Vec<String>> {
        Ok(sqlx::query_scalar(
            "SELECT DISTINCT convert_from(substring(secret FROM 3 FOR get_byte(secret, 1)), 'UTF8') FROM senders
             WHERE archived_at IS NULL AND length(secret) > 2",
        )
        .fetch_all(self.pool)
        .await?)
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

fn view(row: sender::Model) -> Result<SenderView> {
    let pause = row.paused_at.map(|since| Pause {
        since,
        by: row.paused_by.clone().unwrap_or_else(|| FLEET.to_owned()),
        reason: row.pause_reason.clone().unwrap_or_default(),
    });
    let (faults, archived_at, created_at) = (row.faults, row.archived_at, row.created_at);
    Ok(SenderView { account: account(row)?, faults, pause, archived_at, created_at })
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
