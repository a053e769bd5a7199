use domain::ids::TenantId;
use uuid::Uuid;

use super::Messages;
use crate::Result;
use crate::answered::answered;

impl Messages<'_> {
    /// How many rows stand in waiting rooms, by tenant. Counts at most `most`: a measure, not a ledger.
    pub async fn room_rows_all_tenants(&self, most: i64) -> Result<Vec<(TenantId, u64)>> {
        let rows: Vec<(Uuid, i64)> = answered!(
            self.pool,
            sqlx::query_as(
                "SELECT tenant_id, count(*) FROM (
                 SELECT tenant_id FROM message_runs WHERE state = 'scheduled' AND wait_key <> '' LIMIT $1
             ) waiting
             GROUP BY tenant_id ORDER BY count(*) DESC",
            )
            .bind(most),
            fetch_all
        );
        Ok(rows.into_iter().map(|(tenant, rows)| (TenantId(tenant), u64::try_from(rows).unwrap_or(0))).collect())
    }
}
