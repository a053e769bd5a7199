use std::collections::BTreeMap;

use domain::ids::{CampaignId, TenantId};

use super::Campaigns;
use crate::Result;

/// A campaign in numbers, as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CampaignCounts {
    /// Enrollments by state.
    pub enrollments: BTreeMap<String, i64>,
    /// Messages by state.
    pub messages: BTreeMap<String, i64>,
    /// Messages of which something is known, by what.
    pub facts: BTreeMap<&'static str, i64>,
}

type Facts = (i64, i64, i64, i64, i64, i64);

impl Campaigns<'_> {
    pub async fn count(&self, tenant: TenantId, id: CampaignId) -> Result<CampaignCounts> {
        let enrollments: Vec<(String, i64)> = sqlx::query_as(
            "SELECT state, count(*) FROM enrollments WHERE campaign_id = $2 AND tenant_id = $1 GROUP BY state",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .fetch_all(self.pool)
        .await?;
        let messages: Vec<(String, i64)> = sqlx::query_as(
            "SELECT r.state, count(*) FROM enrollments e
             JOIN messages m ON m.enrollment_id = e.id
             JOIN message_runs r ON r.message_id = m.id
             WHERE e.campaign_id = $2 AND e.tenant_id = $1 GROUP BY r.state",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .fetch_all(self.pool)
        .await?;
        let (delivered, opened, clicked, replied, bounced, complained): Facts = sqlx::query_as(
            "SELECT count(f.delivered_at), count(f.opened_at), count(f.clicked_at), count(f.replied_at), count(f.bounced_at),
                    count(f.complained_at)
             FROM enrollments e
             JOIN messages m ON m.enrollment_id = e.id
             JOIN message_facts f ON f.message_id = m.id
             WHERE e.campaign_id = $2 AND e.tenant_id = $1",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .fetch_one(self.pool)
        .await?;
        let facts = [
            ("delivered", delivered),
            ("opened", opened),
            ("clicked", clicked),
            ("replied", replied),
            ("bounced", bounced),
            ("complained", complained),
        ];
        Ok(CampaignCounts {
            enrollments: enrollments.into_iter().collect(),
            messages: messages.into_iter().collect(),
            facts: facts.into_iter().collect(),
        })
    }
}
