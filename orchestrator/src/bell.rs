use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::ids::SenderId;
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
    rings: Mutex<Rings>,
    rung: Notify,
}

/// What was heard since it was last taken.
#[derive(Default)]
struct Rings {
    lanes: HashSet<LaneName>,
    /// There is room, or it was told in a way that we do not understand.
    others: bool,
}

impl Bell {
    pub fn listening_on(queue: &QueueLink) -> Self {
        let heard = Arc::<Heard>::default();
        Self { listening: tokio::spawn(listen(queue.clone(), Arc::clone(&heard))), heard }
    }

    pub fn take(&self) -> HashSet<LaneName> {
        std::mem::take(&mut *self.heard.rings()).lanes
    }

    /// Whether it was rung, and for nothing but lanes of these senders.
    pub fn rung_only_for(&self, senders: &HashSet<SenderId>) -> bool {
        let rings = self.heard.rings();
        !rings.others && !rings.lanes.is_empty() && rings.lanes.iter().all(|lane| senders.contains(&lane.sender))
    }

    /// Returns when it has been rung, and no rest is left.
    pub async fn rung_and_rested(&self, rest_left: impl Fn() -> Duration) {
        self.heard.rung.notified().await;
        loop {
            tokio::select! {
                biased;
                () = tokio::time::sleep(rest_left()) => return,
                // Perhaps for somebody else, who need not rest as long.
                () = self.heard.rung.notified() => {}
            }
        }
    }
}

impl Heard {
    fn rings(&self) -> MutexGuard<'_, Rings> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, names: &str) {
        let lanes = names.split(' ').filter_map(|name| name.parse::<LaneName>().ok());
        let (mut rings, mut named) = (self.rings(), false);
        for lane in lanes {
            named = true;
            if rings.lanes.len() < LANES_MAX {
                rings.lanes.insert(lane);
            }
        }
        rings.others |= !named;
        drop(rings);
        self.rung.notify_one();
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
                heard.hear(&ring.get_payload::<String>().unwrap_or_default());
            }
        }
        tokio::time::sleep(RECONNECT_AFTER).await;
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::TenantId;
    use uuid::Uuid;

    use super::*;

    fn bell() -> Bell {
        Bell { heard: Arc::default(), listening: tokio::spawn(async {}) }
    }

    #[tokio::test]
    async fn a_ring_for_room_or_for_somebody_else_is_told_from_those_for_the_full() {
        let lane = |number| LaneName { tenant: TenantId(Uuid::nil()), sender: SenderId(Uuid::from_u128(number)) };
        let full = HashSet::from([lane(1).sender, lane(2).sender]);
        for (rings, only_full) in [
            (vec![lane(1).to_string()], true),
            (vec![format!("{} {}", lane(1), lane(2))], true),
            (vec![lane(1).to_string(), lane(3).to_string()], false),
            (vec![lane(1).to_string(), "room".to_owned()], false),
            (vec![String::new()], false),
            (vec![], false),
        ] {
            let bell = bell();
            rings.iter().for_each(|ring| bell.heard.hear(ring));
            assert_eq!(bell.rung_only_for(&full), only_full, "{rings:?}");
        }
    }

    #[tokio::test]
    async fn who_rings_while_it_rests_is_not_left_waiting_for_a_third_ring() {
        let bell = bell();
        let heard = Arc::clone(&bell.heard);
        let asked = Arc::new(Notify::new());
        let begun = Arc::clone(&asked);
        let rested = tokio::spawn(async move {
            let rest = || {
                begun.notify_one();
                Duration::from_millis(50)
            };
            bell.rung_and_rested(rest).await;
        });
        heard.hear("room");
        asked.notified().await;
        heard.hear("room");
        let rested = tokio::time::timeout(Duration::from_secs(5), rested).await;
        rested.expect("two rings are enough").expect("it does not panic");
    }
}
