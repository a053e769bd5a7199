use chrono::{DateTime, Utc};
use domain::ids::SenderId;
use serde::Serialize;
use store::messages::QueueStatus;

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

impl From<Vec<QueueStatus>> for QueueView {
    fn from(rows: Vec<QueueStatus>) -> Self {
        let mut totals = Counts::default();
        for row in &rows {
            totals.pending += row.pending;
            totals.due += row.due;
            totals.queued += row.queued;
            totals.sending += row.sending;
            totals.uncertain += row.uncertain;
            totals.failed_24h += row.failed_24h;
            totals.oldest_due_at = [totals.oldest_due_at, row.oldest_due_at].into_iter().flatten().min();
        }
        let senders = rows
            .into_iter()
            .map(|row| SenderCounts {
                sender: row.sender,
                counts: Counts {
                    pending: row.pending,
                    due: row.due,
                    queued: row.queued,
                    sending: row.sending,
                    uncertain: row.uncertain,
                    failed_24h: row.failed_24h,
                    oldest_due_at: row.oldest_due_at,
                },
            })
            .collect();
        Self { totals, senders }
    }
}
