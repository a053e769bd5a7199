use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use queue::{LaneName, QueueLink};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

const RECONNECT_AFTER: Duration = Duration::from_millis(200);
/// Lanes remembered between two passes; beyond that the next scan finds them.
const LANES_MAX: usize = 10_000;

/// Hears that a lane has due rows, or that there is room. A ring that is lost costs the time until the next scan.
pub struct Bell {
    heard: Arc<Heard>,
    listening: JoinHandle<()>,
}

#[derive(Default)]
struct Heard {
    lanes: Mutex<HashSet<LaneName>>,
    rung: Notify,
}

impl Bell {
    pub fn listening_on(queue: &QueueLink) -> Self {
        let heard = Arc::<Heard>::default();
        Self { listening: tokio::spawn(listen(queue.clone(), Arc::clone(&heard))), heard }
    }

    pub fn take(&self) -> HashSet<LaneName> {
        std::mem::take(&mut *self.heard.lanes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub async fn rung(&self) {
        self.heard.rung.notified().await;
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(queue: QueueLink, heard: Arc<Heard>) {
    let channel = queue.keys().bell();
    loop {
        if let Ok(mut subscription) = queue.subscribe(&channel).await {
            let mut rings = subscription.on_message();
            while let Some(ring) = rings.next().await {
                let names = ring.get_payload::<String>().unwrap_or_default();
                let mut lanes = heard.lanes.lock().unwrap_or_else(PoisonError::into_inner);
                let room = LANES_MAX.saturating_sub(lanes.len());
                lanes.extend(names.split(' ').filter_map(|name| name.parse::<LaneName>().ok()).take(room));
                drop(lanes);
                heard.rung.notify_one();
            }
        }
        tokio::time::sleep(RECONNECT_AFTER).await;
    }
}
