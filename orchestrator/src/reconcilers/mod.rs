//! One file per reconciler.

mod add_up_daily_sends;
mod audit_queue;
mod beat_pulse;
mod charge_crashes;
mod expire_commits;
mod feed_messages;
mod import_ingress;
mod measure_rooms;
mod rescue_messages;
mod resolve_uncertain;
mod sweep_surface;
mod write_off_workers;

pub use add_up_daily_sends::AddUpDailySends;
pub use audit_queue::AuditQueue;
pub use beat_pulse::BeatPulse;
pub use charge_crashes::ChargeCrashes;
pub use expire_commits::ExpireCommits;
pub use feed_messages::FeedMessages;
pub use import_ingress::ImportIngress;
pub use measure_rooms::MeasureRooms;
pub use rescue_messages::RescueMessages;
pub use resolve_uncertain::ResolveUncertain;
pub use sweep_surface::SweepSurface;
pub use write_off_workers::WriteOffWorkers;

/// Pools that stand in Redis.
pub(crate) fn pools() -> [domain::jobs::PoolName; 1] {
    [domain::jobs::PoolName::send_shared()]
}
