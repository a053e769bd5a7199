//! One file per reconciler.

use domain::jobs::PoolName;
use queue::{QueueLink, QueueName};

mod add_up_daily_sends;
mod audit_queue;
mod beat_pulse;
mod charge_crashes;
mod expire_commits;
mod feed_messages;
mod feed_timers;
mod import_ingress;
mod measure_rooms;
mod rescue_messages;
mod rescue_timers;
mod resolve_uncertain;
mod sort_campaigns;
mod sweep_surface;
mod write_off_workers;

pub use add_up_daily_sends::AddUpDailySends;
pub use audit_queue::AuditQueue;
pub use beat_pulse::BeatPulse;
pub use charge_crashes::ChargeCrashes;
pub use expire_commits::ExpireCommits;
pub use feed_messages::FeedMessages;
pub use feed_timers::FeedTimers;
pub use import_ingress::ImportIngress;
pub use measure_rooms::MeasureRooms;
pub use rescue_messages::RescueMessages;
pub use rescue_timers::RescueTimers;
pub use resolve_uncertain::ResolveUncertain;
pub use sort_campaigns::SortCampaigns;
pub use sweep_surface::SweepSurface;
pub use write_off_workers::WriteOffWorkers;

/// Pools of messages.
pub(crate) fn pools() -> [PoolName; 1] {
    [PoolName::send_shared()]
}

/// Every pool that stands in Redis, with its queue.
pub(crate) fn all_pools(send: &QueueLink) -> [(QueueLink, PoolName); 2] {
    [(send.clone(), PoolName::send_shared()), (send.of_queue(QueueName::Timeout), PoolName::timeout_shared())]
}
