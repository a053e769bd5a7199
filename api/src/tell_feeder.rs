use domain::ids::TenantId;
use queue::LaneName;
use store::enrollments::Kept;

use crate::ApiState;

/// Rings for the senders that have something new to send. A ring that is lost costs the time until the feeder's next look.
pub async fn tell_feeder(state: &ApiState, tenant: TenantId, kept: &Kept) {
    let lanes: Vec<LaneName> = kept.senders.iter().map(|sender| LaneName { tenant, sender: *sender }).collect();
    if !lanes.is_empty() {
        let _ = tokio::time::timeout(state.options.redis_within, state.queue.ring(&lanes)).await;
    }
}
