use std::sync::Arc;

use futures::StreamExt;

use super::Shared;
use crate::backoff::Waits;

/// Wakes the pump on every push. While the subscription is down, the poll interval stands in for it.
pub(super) async fn listen(shared: Arc<Shared>) {
    let channel = shared.link.keys().wake(&shared.options.pool);
    let mut waits = Waits::new();
    while !shared.stop.is_cancelled() {
        if let Ok(mut subscription) = shared.link.subscribe(&channel).await {
            waits = Waits::new();
            // Something may have been pushed before the subscription stood.
            shared.wake.notify_one();
            let mut pushes = subscription.on_message();
            while pushes.next().await.is_some() {
                shared.wake.notify_one();
            }
        }
        tokio::time::sleep(waits.next()).await;
    }
}
