use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::{SenderId, TenantId};
use domain::limits::{Backlog, BucketKey, Channel, LimitBook, completes_in};
use serde::Serialize;
use store::messages::{QueueCounts, QueueStatus};
use utoipa::ToSchema;

/// What is on its way.
#[derive(Debug, Serialize, ToSchema)]
pub struct QueueView {
    totals: Counts,
    senders: Vec<SenderCounts>,
}

#[derive(Debug, Default, Serialize, ToSchema)]
struct Counts {
    /// For a time that has not come.
    pending: i64,
    /// Due, and not yet handed out.
    due: i64,
    /// Handed out.
    queued: i64,
    /// Past the point of no return.
    sending: i64,
    uncertain: i64,
    failed_24h: i64,
    oldest_due_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize, ToSchema)]
struct SenderCounts {
    sender: SenderId,
    paused: bool,
    /// When all that is due has left, if nothing else comes: as fast as the limits allow. Null while it is paused.
    estimated_completion_at: Option<DateTime<Utc>>,
    #[serde(flatten)]
    counts: Counts,
}

impl From<QueueCounts> for Counts {
    fn from(counts: QueueCounts) -> Self {
        Self {
            pending: counts.pending,
            due: counts.due,
            queued: counts.queued,
            sending: counts.sending,
            uncertain: counts.uncertain,
            failed_24h: counts.failed_24h,
            oldest_due_at: counts.oldest_due_at,
        }
    }
}

impl QueueView {
    pub fn new(rows: Vec<QueueStatus>, now: DateTime<Utc>, limits: &LimitBook, tenant: TenantId) -> Self {
        let mut totals = Counts::default();
        for QueueStatus { counts, .. } in &rows {
            totals.pending += counts.pending;
            totals.due += counts.due;
            totals.queued += counts.queued;
            totals.sending += counts.sending;
            totals.uncertain += counts.uncertain;
            totals.failed_24h += counts.failed_24h;
            totals.oldest_due_at = [totals.oldest_due_at, counts.oldest_due_at].into_iter().flatten().min();
        }
        let of = |bucket: BucketKey| limits.limits(Channel::Email, tenant, &bucket);
        let (of_tenant, global) = (of(BucketKey::Tenant(tenant)), of(BucketKey::Global));
        let all = waiting(totals.due, totals.queued);
        let sender = |row: QueueStatus| {
            let own = of(BucketKey::Sender(row.sender));
            let backlogs = [
                Backlog { rows: waiting(row.counts.due, row.counts.queued), limits: &own },
                Backlog { rows: all, limits: &of_tenant },
                Backlog { rows: all, limits: &global },
            ];
            let left_in = TimeDelta::from_std(completes_in(&backlogs, None)).ok();
            SenderCounts {
                sender: row.sender,
                paused: row.paused,
                estimated_completion_at: left_in
                    .filter(|_| !row.paused)
                    .and_then(|delta| now.checked_add_signed(delta)),
                counts: row.counts.into(),
            }
        };
        Self { totals, senders: rows.into_iter().map(sender).collect() }
    }
}

fn waiting(due: i64, queued: i64) -> u64 {
    u64::try_from(due + queued).unwrap_or(0)
}
