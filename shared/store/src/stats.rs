use domain::ids::TenantId;

use crate::{Result, Store};

row! {
    /// A tenant in numbers.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct StatsRow {
        /// Scheduled or queued: for later, due, or handed out.
        pub pending: i64,
        pub sending: i64,
        pub uncertain: i64,
        /// Compared with what was sent on this day of UTC.
        pub failed_today: i64,
        /// Committed on this day of UTC.
        pub sent_today: i64,
        pub senders_active: i64,
        pub senders_paused: i64,
        pub senders_archived: i64,
        pub suppressions: i64,
    }
}

impl Store {
    /// Reads indexes only; as long as what waits and what is suppressed.
    pub async fn stats(&self, tenant: TenantId) -> Result<StatsRow> {
        Ok(sqlx::query_as(include_str!("stats.sql")).bind(tenant.uuid()).fetch_one(&self.pool).await?)
    }
}
