//! What came of each try, told at once to whoever watches, and to nobody else. A doorbell: the truth is in Postgres.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use domain::ids::{MessageId, TenantId};
use queue::QueueLink;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

/// More than so many at once are not told: nobody could read them.
const WAITING_MAX: usize = 4_096;
const GATHER: Duration = Duration::from_millis(50);
/// Where nobody listened, nobody is told anything for so long.
const DEAF_FOR: Duration = Duration::from_secs(1);
const REDIS_WITHIN: Duration = Duration::from_millis(200);

struct Told {
    tenant: TenantId,
    event: Value,
}

pub struct LiveEvents {
    tell: mpsc::Sender<Told>,
    told: Mutex<Option<mpsc::Receiver<Told>>>,
}

impl LiveEvents {
    pub fn new() -> Self {
        let (tell, told) = mpsc::channel(WAITING_MAX);
        Self { tell, told: Mutex::new(Some(told)) }
    }

    /// Never waits; what is too much is dropped.
    pub fn tell(&self, tenant: TenantId, message: MessageId, outcome: &'static str, class: Option<&'static str>) {
        let event = json!({"message": message, "outcome": outcome, "class": class});
        let _ = self.tell.try_send(Told { tenant, event });
    }

    /// Tells them until it is dropped: a publish per tenant and moment, and none where nobody listens.
    pub async fn keep_telling(&self, queue: QueueLink) {
        let taken = self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let Some(mut told) = taken else { return };
        let mut deaf: HashMap<TenantId, Instant> = HashMap::new();
        let mut gathered = Vec::new();
        while told.recv_many(&mut gathered, WAITING_MAX).await > 0 {
            let mut by_tenant: HashMap<TenantId, Vec<Value>> = HashMap::new();
            for Told { tenant, event } in gathered.drain(..) {
                by_tenant.entry(tenant).or_default().push(event);
            }
            deaf.retain(|_, until| *until > Instant::now());
            for (tenant, events) in
                by_tenant.into_iter().filter(|(tenant, _)| !deaf.contains_key(tenant)).collect::<Vec<_>>()
            {
                let listened = timeout(REDIS_WITHIN, queue.tell_live(tenant, &Value::Array(events).to_string())).await;
                if !matches!(listened, Ok(Ok(listeners)) if listeners > 0) {
                    deaf.insert(tenant, Instant::now() + DEAF_FOR);
                }
            }
            tokio::time::sleep(GATHER).await;
        }
    }
}
