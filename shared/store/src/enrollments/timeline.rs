use chrono::{DateTime, Utc};
use domain::ids::{EnrollmentId, TenantId};
use serde_json::Value;
use uuid::Uuid;

use super::Enrollments;
use crate::Result;

row! {
    /// Something in the life of an enrollment.
    #[derive(Debug, Clone)]
    pub struct TimelineRow {
        pub at: DateTime<Utc>,
        /// `enrolled`, `message`, `event`, `transition`, `timer` or `ended`.
        pub kind: String,
        pub visit: Option<i32>,
        /// Of what: a message's state, an event's or a timer's kind, the event that led on.
        pub what: String,
        pub id: Option<Uuid>,
        pub details: Option<Value>,
    }
}

impl Enrollments<'_> {
    /// All that happened and all that is set to happen, in order of time; at most so many.
    pub async fn timeline(&self, tenant: TenantId, id: EnrollmentId, limit: i64) -> Result<Vec<TimelineRow>> {
        Ok(sqlx::query_as(include_str!("timeline.sql"))
            .bind(tenant.uuid())
            .bind(id.uuid())
            .bind(limit)
            .fetch_all(self.pool)
            .await?)
    }
}
