use chrono::{DateTime, Utc};
use domain::ids::SenderId;
use serde::Serialize;
use store::messages::{QueueCounts, QueueStatus};

/// What is on its way.
#[derive(Debug, Serialize)]
pub struct QueueView {
    totals: Counts,
    senders: Vec<SenderCounts>,
}

#[derive(Debug, Default, Serialize)]
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

#[derive(Debug, Serialize)]
struct SenderCounts {
    sender: SenderId,
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

impl From<Vec<QueueStatus>> for QueueView {
    fn from(rows: Vec<QueueStatus>) -> Self {
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
        let sender = |row: QueueStatus| SenderCounts { sender: row.sender, counts: row.counts.into() };
        Self { totals, senders: rows.into_iter().map(sender).collect() }
    }
}
