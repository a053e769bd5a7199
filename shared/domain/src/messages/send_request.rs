//! A message that comes through the ingress queue.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::draft::MessageDraft;
use crate::ids::TenantId;

/// What a service pushes. Whoever may write to Redis may send for any tenant: the tenant stands in it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendRequest {
    pub tenant: TenantId,
    pub message: MessageDraft,
}

impl SendRequest {
    /// One that its task asked to run later is sent then, unless the message itself says when.
    pub fn due_at(mut self, task_due: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Self {
        let later = task_due.filter(|due| *due > now);
        self.message.send_at = self.message.send_at.or(later);
        self
    }
}

/// A task that is pushed or moved twice is one message, where the message has no dedupe key of its own.
pub fn ingress_dedupe_hash(task_id: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(b"ingress\0").chain_update(task_id).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use serde_json::json;

    #[test]
    fn a_task_for_later_is_a_message_for_later_unless_the_message_says_when() {
        let read = |message: serde_json::Value| -> SendRequest {
            serde_json::from_value(json!({"tenant": "tnt_01990000000070008000000000000001", "message": message}))
                .expect("well-formed")
        };
        let base =
            json!({"sender": "snd_01990000000070008000000000000001", "to": "a@b.cc", "subject": "Hi", "text": "Hi"});
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let (past, later) = (now - TimeDelta::hours(1), now + TimeDelta::hours(1));
        assert_eq!(read(base.clone()).due_at(Some(past), now).message.send_at, None);
        assert_eq!(read(base.clone()).due_at(Some(later), now).message.send_at, Some(later));
        let mut own = base;
        own["send_at"] = json!(past);
        assert_eq!(read(own).due_at(Some(later), now).message.send_at, Some(past));
    }
}
