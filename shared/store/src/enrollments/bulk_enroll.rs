use chrono::{DateTime, Utc};
use domain::ids::{BulkId, CampaignId, MessageId, TenantId};
use serde_json::Value;
use uuid::Uuid;

use super::{EnrollAnswer, Enrollments, Kept, NewEnrollment, NotEnrolled, enroll};
use crate::Result;

row! {
    /// A stream of contacts, and how far it came.
    #[derive(Debug, Clone)]
    pub struct BulkView {
        pub id: Uuid,
        pub campaign_id: Uuid,
        /// `open`, `done` or `canceled`.
        pub state: String,
        /// Records that were dealt with: the stream goes on behind them.
        pub read: i64,
        pub enrolled: i64,
        pub existing: i64,
        pub suppressed: i64,
        pub invalid: i64,
        /// The first records that were refused, with line and problem.
        pub problems: Value,
        pub created_at: DateTime<Utc>,
        pub updated_at: DateTime<Utc>,
        pub finished_at: Option<DateTime<Utc>>,
    }
}

/// Some records in a row.
#[derive(Debug, Clone, Default)]
pub struct BulkChunk {
    /// Records before it: it is taken only if just these were dealt with.
    pub after: i64,
    /// Records in it, those that do not read included.
    pub records: i64,
    pub enrollments: Vec<NewEnrollment>,
    /// Of records that do not read: `{line, problem}`.
    pub problems: Vec<Value>,
    /// How many do not read.
    pub invalid: i64,
    /// There is nothing behind it.
    pub last: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChunkAnswer {
    Taken(Kept),
    /// Somebody else sends the same stream, or it is over.
    Moved,
    NotEnrolled(NotEnrolled),
}

/// Problems that are kept of a stream.
const PROBLEMS_MAX: i32 = 100;

impl Enrollments<'_> {
    /// Opens a stream; the same id again is the same stream.
    pub async fn open_bulk(&self, tenant: TenantId, id: BulkId, campaign: CampaignId) -> Result<Option<BulkView>> {
        sqlx::query(
            "INSERT INTO bulk_enrollments (id, tenant_id, campaign_id, state)
             SELECT $2, $1, c.id, 'open' FROM campaigns c WHERE c.tenant_id = $1 AND c.id = $3 ON CONFLICT DO NOTHING",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .bind(campaign.uuid())
        .execute(self.pool)
        .await?;
        self.find_bulk(tenant, id).await
    }

    pub async fn find_bulk(&self, tenant: TenantId, id: BulkId) -> Result<Option<BulkView>> {
        Ok(sqlx::query_as(
            "SELECT id, campaign_id, state, read, enrolled, existing, suppressed, invalid, problems, created_at, updated_at,
                    finished_at
             FROM bulk_enrollments WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .fetch_optional(self.pool)
        .await?)
    }

    /// Enrolls the contacts of a chunk and notes how far the stream came, in one transaction: whatever breaks, it goes on
    /// where it was, and nobody is enrolled twice or left out.
    pub async fn take_chunk(
        &self,
        tenant: TenantId,
        id: BulkId,
        campaign: CampaignId,
        chunk: &BulkChunk,
        next_id: &(dyn Fn() -> MessageId + Sync),
    ) -> Result<ChunkAnswer> {
        let mut transaction = self.pool.begin().await?;
        let standing: Option<i64> = sqlx::query_scalar(
            "SELECT read FROM bulk_enrollments WHERE tenant_id = $1 AND id = $2 AND state = 'open' FOR UPDATE",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .fetch_optional(&mut *transaction)
        .await?;
        if standing != Some(chunk.after) {
            return Ok(ChunkAnswer::Moved);
        }
        let (answers, kept) = match self.open_campaign(&mut transaction, tenant, campaign).await? {
            Ok(open) => enroll(&mut transaction, self.cache, tenant, &open, &chunk.enrollments, next_id).await?,
            Err(closed) => return Ok(ChunkAnswer::NotEnrolled(closed)),
        };
        let count = |is: fn(&EnrollAnswer) -> bool| answers.iter().filter(|answer| is(answer)).count() as i64;
        sqlx::query(
            "UPDATE bulk_enrollments SET
                 read = read + $3, enrolled = enrolled + $4, existing = existing + $5, suppressed = suppressed + $6,
                 invalid = invalid + $7,
                 problems = CASE WHEN jsonb_array_length(problems) < $9 THEN problems || $8 ELSE problems END,
                 state = CASE WHEN $10 THEN 'done' ELSE state END,
                 finished_at = CASE WHEN $10 THEN postfleet_now() END, updated_at = postfleet_now()
             WHERE tenant_id = $1 AND id = $2",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .bind(chunk.records)
        .bind(count(|answer| matches!(answer, EnrollAnswer::Enrolled { .. })))
        .bind(count(|answer| matches!(answer, EnrollAnswer::Existing { .. })))
        .bind(count(|answer| matches!(answer, EnrollAnswer::Suppressed { .. })))
        .bind(chunk.invalid)
        .bind(Value::Array(chunk.problems.clone()))
        .bind(PROBLEMS_MAX)
        .bind(chunk.last)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(ChunkAnswer::Taken(kept))
    }
}
