use domain::ids::{MessageId, TenantId};
use domain::messages::MessageState;
use domain::messages::resolve_uncertain::HandVerdict;
use uuid::Uuid;

use super::{Messages, parse_state};
use crate::Result;

/// What became of somebody's word on an uncertain message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandAnswer {
    /// It is recorded; the message is now in this state.
    Resolved(MessageState),
    /// Its worker may still report, or its provider still accept: not before the seconds are over.
    TooEarly(i64),
    NotUncertain(MessageState),
    Missing,
}

impl Messages<'_> {
    /// Somebody looked at the mailbox, or asked the provider. `grace_secs`: behind the commit's deadline, before which it
    /// is not sent again.
    pub async fn resolve_by_hand(
        &self,
        tenant: TenantId,
        id: MessageId,
        verdict: HandVerdict,
        by: &str,
        grace_secs: i64,
    ) -> Result<HandAnswer> {
        let resolved: Option<Uuid> = sqlx::query_scalar(include_str!("resolve_by_hand.sql"))
            .bind(tenant.uuid())
            .bind(id.uuid())
            .bind(verdict.state().as_str())
            .bind(verdict.outcome())
            .bind(by)
            .bind(grace_secs as f64)
            .fetch_optional(self.pool)
            .await?;
        if resolved.is_some() {
            return Ok(HandAnswer::Resolved(verdict.state()));
        }
        let found: Option<(String, Option<f64>)> = sqlx::query_as(
            "SELECT state, extract(epoch FROM commit_deadline - postfleet_now())::float8 + $3
             FROM message_runs WHERE tenant_id = $1 AND message_id = $2",
        )
        .bind(tenant.uuid())
        .bind(id.uuid())
        .bind(grace_secs as f64)
        .fetch_optional(self.pool)
        .await?;
        let Some((state, left)) = found else { return Ok(HandAnswer::Missing) };
        Ok(match parse_state(&state)? {
            MessageState::Uncertain => HandAnswer::TooEarly(left.unwrap_or(0.0).ceil().max(1.0) as i64),
            state => HandAnswer::NotUncertain(state),
        })
    }
}
