use chrono::{DateTime, Utc};
use domain::suppressions::SuppressionReason;
use serde::Serialize;
use store::SuppressionRow;
use utoipa::ToSchema;

/// An address that is not mailed.
#[derive(Debug, Serialize, ToSchema)]
pub struct SuppressionView {
    address: String,
    reason: SuppressionReason,
    /// Where it comes from.
    source: String,
    first_seen_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
}

impl From<SuppressionRow> for SuppressionView {
    fn from(row: SuppressionRow) -> Self {
        Self {
            address: row.address,
            reason: row.reason,
            source: row.source,
            first_seen_at: row.first_seen_at,
            last_seen_at: row.last_seen_at,
        }
    }
}
