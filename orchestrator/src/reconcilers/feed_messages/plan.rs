//! How many rows of whom go next. Pure.

use std::collections::HashMap;
use std::time::Duration;

use domain::ids::{SenderId, TenantId};
use domain::limits::{BucketKey, Shortages};
use domain::turns::{Demand, Turns};

use super::lanes::Lanes;

/// Rows given to a sender before the next one has its turn, where there is room for many.
pub const SLICE: u32 = 25;
/// Rows of one pass: bounds its statements.
pub const PASS_ROWS_MAX: u32 = 2_000;

/// What there is room for in the window, and what stands there.
#[derive(Debug, Clone, Default)]
pub struct WindowRoom {
    pub window: u32,
    pub tenant: u32,
    pub senders: HashMap<SenderId, u32>,
    pub rows: u32,
    pub by_tenant: HashMap<TenantId, u32>,
    pub by_sender: HashMap<SenderId, u32>,
}

/// Rows for each sender that has some: as the window has room, nobody more than its share, and no more than buckets that
/// refused lately can have tokens for.
pub fn plan(
    demands: &[Demand],
    lanes: &Lanes,
    turns: &Turns,
    shortages: &Shortages,
    now: Duration,
    mut room: WindowRoom,
) -> Vec<Demand> {
    let mut tokens: HashMap<BucketKey, u32> = HashMap::new();
    let mut left = PASS_ROWS_MAX;
    let mut planned: HashMap<SenderId, u32> = HashMap::new();
    let turns = turns.go_around(demands, SLICE, |turn, asked| {
        let held_tenant = room.by_tenant.entry(turn.tenant).or_default();
        let held_sender = room.by_sender.entry(turn.sender).or_default();
        let connections = lanes.get(turn.sender).map_or(1, |lane| lane.connections);
        let share = room.senders.get(&turn.sender).copied().unwrap_or(connections);
        let buckets = [BucketKey::Global, BucketKey::Tenant(turn.tenant), BucketKey::Sender(turn.sender)];
        let mut most = asked
            .min(left)
            .min(room.window.saturating_sub(room.rows))
            .min(room.tenant.saturating_sub(*held_tenant))
            .min(share.saturating_sub(*held_sender));
        for bucket in &buckets {
            most = most.min(*tokens.entry(bucket.clone()).or_insert_with(|| shortages.most(now, bucket)));
        }
        for bucket in buckets {
            tokens.entry(bucket).and_modify(|tokens| *tokens -= most);
        }
        *held_tenant += most;
        *held_sender += most;
        room.rows += most;
        left -= most;
        most
    });
    let mut order = Vec::new();
    for turn in turns {
        let rows = planned.entry(turn.sender).or_insert_with(|| {
            order.push(turn);
            0
        });
        *rows += turn.rows;
    }
    order.into_iter().map(|turn| Demand { rows: planned.get(&turn.sender).copied().unwrap_or(0), ..turn }).collect()
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
