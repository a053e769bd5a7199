use domain::ids::{MessageId, TenantId};
use domain::messages::MessageState;
use uuid::Uuid;

use super::{Messages, parse_state};
use crate::Result;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelAnswer {
    /// It will not be sent. Also the answer to a repeat.
    Canceled,
    /// It is past the point of no return, or finished.
    TooLate(MessageState),
    Missing,
}

impl Messages<'_> {
    pub async fn cancel_message(&self, tenant: TenantId, id: MessageId) -> Result<CancelAnswer> {
        let canceled: Option<Uuid> = sqlx::query_scalar(
            "UPDATE message_runs SET state = 'canceled', wait_key = '', finished_at = postfleet_now()
             WHERE tenant_id = $1 AND message_id = $2 AND state IN ('scheduled', 'queued')
             RETURNING message_id",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .fetch_optional(self.pool)
        .await?;
        if canceled.is_some() {
            return Ok(CancelAnswer::Canceled);
        }
        let state: Option<String> =
            sqlx::query_scalar("SELECT state FROM message_runs WHERE tenant_id = $1 AND message_id = $2")
                .bind(tenant.uuid())
                .bind(id.uuid())
                .fetch_optional(self.pool)
                .await?;
        Ok(match state.as_deref().map(parse_state).transpose()? {
            None => CancelAnswer::Missing,
            Some(MessageState::Canceled) => CancelAnswer::Canceled,
            Some(state) => CancelAnswer::TooLate(state),
        })
    }
}
