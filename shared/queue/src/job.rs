use domain::ids::{JobId, MessageId, SenderId, TenantId, TimerId};
use domain::jobs::{PoolName, SendJob, TimeoutJob};
use domain::limits::Grant;
use domain::messages::Priority;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a queue carries. Its head stands in a record as it is counted by; the body holds only what the head does not
/// say, because every byte of it goes through Redis three times and into its file.
pub trait QueueJob: Sized + Send + Sync + 'static {
    fn head(&self) -> JobHead;

    fn body(&self) -> serde_json::Result<String>;

    fn read(pool: &PoolName, head: JobHead, body: &str) -> serde_json::Result<Self>;
}

/// Whose a job is, and how much of the window it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobHead {
    pub id: JobId,
    pub tenant: TenantId,
    pub sender: SenderId,
    pub rows: u32,
    pub priority: Priority,
}

/// The rows stand under the name of what is done with them, so that a job of another kind does not read as this one.
#[derive(Serialize)]
struct SendBody<'a> {
    #[serde(rename = "send")]
    rows: &'a [MessageId],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    alone: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<&'a Grant>,
}

#[derive(Deserialize)]
struct ReadSendBody {
    #[serde(rename = "send")]
    rows: Vec<MessageId>,
    #[serde(default)]
    alone: bool,
    #[serde(default)]
    grant: Option<Grant>,
}

impl QueueJob for SendJob {
    fn head(&self) -> JobHead {
        let Self { id, tenant, sender, priority, .. } = *self;
        JobHead { id, tenant, sender, rows: self.rows.len() as u32, priority }
    }

    fn body(&self) -> serde_json::Result<String> {
        serde_json::to_string(&SendBody { rows: &self.rows, alone: self.alone, grant: self.grant.as_ref() })
    }

    fn read(pool: &PoolName, head: JobHead, body: &str) -> serde_json::Result<Self> {
        let ReadSendBody { rows, alone, grant } = serde_json::from_str(body)?;
        let JobHead { id, tenant, sender, priority, .. } = head;
        Ok(Self { id, pool: pool.clone(), tenant, sender, priority, rows, alone, grant })
    }
}

#[derive(Serialize, Deserialize)]
struct TimeoutBody {
    fire: Vec<TimerId>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    alone: bool,
}

/// Timers leave from no sender: they count as one lane of their tenant.
impl QueueJob for TimeoutJob {
    fn head(&self) -> JobHead {
        let Self { id, tenant, .. } = *self;
        let sender = SenderId(Uuid::nil());
        JobHead { id, tenant, sender, rows: self.rows.len() as u32, priority: Priority::Normal }
    }

    fn body(&self) -> serde_json::Result<String> {
        serde_json::to_string(&TimeoutBody { fire: self.rows.clone(), alone: self.alone })
    }

    fn read(pool: &PoolName, head: JobHead, body: &str) -> serde_json::Result<Self> {
        let TimeoutBody { fire, alone } = serde_json::from_str(body)?;
        Ok(Self { id: head.id, pool: pool.clone(), tenant: head.tenant, rows: fire, alone })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_reads_back_from_its_head_and_body() {
        let id = Uuid::from_u128(7);
        let plain = SendJob {
            id: JobId(id),
            pool: PoolName::send_shared(),
            tenant: TenantId(id),
            sender: SenderId(id),
            priority: Priority::High,
            rows: vec![MessageId(id)],
            alone: false,
            grant: None,
        };
        let rich = SendJob { alone: true, grant: Some(Grant { at: 5, ..Grant::default() }), ..plain.clone() };
        for job in [plain, rich] {
            let body = job.body().expect("plain data");
            assert_eq!(SendJob::read(&job.pool, job.head(), &body).expect("it reads"), job);
        }
    }
}
