use chrono::{DateTime, Utc};
use domain::ids::{CampaignId, JobId, MessageId, SenderId, TenantId, WorkerId};
use domain::messages::resolve_uncertain::{UncertainFacts, UncertainPolicy};
use domain::messages::wait::{Pause, WaitFacts};
use uuid::Uuid;

use super::{Messages, parse_state};
use crate::{Result, StoreError};

/// Why a message waits, as far as Postgres knows, and what else to ask about it.
#[derive(Debug, Clone)]
pub struct WaitRow {
    pub facts: WaitFacts,
    pub sender: SenderId,
    pub recipient_domain: String,
}

row! {
    struct Row {
        state: String,
        sender_id: Uuid,
        run_at: DateTime<Utc>,
        tries: i16,
        last_class: Option<String>,
        last_error: Option<String>,
        last_refused_at: Option<DateTime<Utc>>,
        queued_at: Option<DateTime<Utc>>,
        job_id: Option<Uuid>,
        worker_id: Option<Uuid>,
        committed_at: Option<DateTime<Utc>>,
        commit_deadline: Option<DateTime<Utc>>,
        uncertain_at: Option<DateTime<Utc>>,
        uncertain_cause: Option<String>,
        resent: bool,
        recipient_domain: Option<String>,
        uncertain_policy: String,
        tenant_paused_at: Option<DateTime<Utc>>,
        tenant_paused_by: Option<String>,
        tenant_pause_reason: Option<String>,
        sender_paused_at: Option<DateTime<Utc>>,
        sender_paused_by: Option<String>,
        sender_pause_reason: Option<String>,
        campaign_paused_at: Option<DateTime<Utc>>,
        campaign_paused_by: Option<String>,
        campaign_pause_reason: Option<String>,
        campaign_id: Option<Uuid>,
        halted_at: Option<DateTime<Utc>>,
        halt_reason: Option<String>,
        now: DateTime<Utc>,
    }
}

impl Messages<'_> {
    pub async fn wait_facts(&self, tenant: TenantId, id: MessageId) -> Result<Option<WaitRow>> {
        let row: Option<Row> = sqlx::query_as(include_str!("wait_facts.sql"))
            .bind(tenant.uuid())
            .bind(id.uuid())
            .fetch_optional(self.pool)
            .await?;
        row.map(|row| row.read(tenant)).transpose()
    }

    /// Whose message it is: for an operator, who knows the message's id alone.
    pub async fn tenant_of_any(&self, id: MessageId) -> Result<Option<TenantId>> {
        let tenant: Option<Uuid> = sqlx::query_scalar("SELECT tenant_id FROM message_runs WHERE message_id = $1")
            .bind(id.uuid())
            .fetch_optional(self.pool)
            .await?;
        Ok(tenant.map(TenantId))
    }
}

impl Row {
    fn read(self, tenant: TenantId) -> Result<WaitRow> {
        let policy = UncertainPolicy::parse(&self.uncertain_policy)
            .ok_or(StoreError::Unreadable { noun: "tenants", column: "uncertain_policy" })?;
        let sender = SenderId(self.sender_id);
        let committed = self.committed_at.zip(self.commit_deadline);
        let facts = WaitFacts {
            now: self.now,
            state: parse_state(&self.state)?,
            run_at: self.run_at,
            tries: u32::try_from(self.tries).unwrap_or(0),
            last_class: self.last_class,
            last_error: self.last_error,
            last_refused_at: self.last_refused_at,
            queued_at: self.queued_at,
            job: self.job_id.map(JobId),
            worker: self.worker_id.map(WorkerId),
            committed_at: self.committed_at,
            commit_deadline: self.commit_deadline,
            uncertain_at: self.uncertain_at,
            uncertain_cause: self.uncertain_cause,
            uncertain: committed.map(|(committed_at, commit_deadline)| UncertainFacts {
                policy,
                committed_at,
                commit_deadline,
                resent: self.resent,
            }),
            fleet_halt: pause(self.halted_at, Some("fleet".to_owned()), self.halt_reason),
            tenant_pause: pause(self.tenant_paused_at, self.tenant_paused_by, self.tenant_pause_reason),
            sender_pause: pause(self.sender_paused_at, self.sender_paused_by, self.sender_pause_reason),
            campaign_pause: pause(self.campaign_paused_at, self.campaign_paused_by, self.campaign_pause_reason),
            campaign: self.campaign_id.map(|id| CampaignId(id).to_string()),
            sender: sender.to_string(),
            tenant: tenant.to_string(),
        };
        Ok(WaitRow { facts, sender, recipient_domain: self.recipient_domain.unwrap_or_default() })
    }
}

fn pause(since: Option<DateTime<Utc>>, by: Option<String>, reason: Option<String>) -> Option<Pause> {
    let by = by.unwrap_or_else(|| "fleet".to_owned());
    since.map(|since| Pause { since, by, reason: reason.unwrap_or_default() })
}
