//! How many rows of which lanes go next. Pure.

use domain::ids::{SenderId, TenantId};
use std::collections::HashMap;
use store::messages::Lane;

/// Rows given to a lane before the next one has its turn.
const SLICE: u32 = 25;
/// Rows of one pass: bounds the statement.
const PASS_ROWS_MAX: u32 = 2_000;

/// What there is room for.
#[derive(Debug, Clone)]
pub struct Room {
    pub window: u32,
    pub tenant: u32,
    pub rows: u32,
    pub by_tenant: HashMap<TenantId, u32>,
    pub by_sender: HashMap<SenderId, u32>,
}

/// Goes around tenants, and within a tenant around its senders, a slice at a time, until nothing more fits. Starts at
/// `turn`, so that nobody is always first.
pub fn plan(lanes: &[Lane], sender_caps: &HashMap<SenderId, u32>, mut room: Room, turn: usize) -> Vec<(Lane, u32)> {
    let order = around_tenants(lanes, turn);
    let mut takes: HashMap<SenderId, u32> = HashMap::new();
    let mut left = PASS_ROWS_MAX;
    loop {
        let mut given = 0;
        for lane in &order {
            let held_tenant = room.by_tenant.entry(lane.tenant).or_default();
            let held_sender = room.by_sender.entry(lane.sender).or_default();
            let cap = sender_caps.get(&lane.sender).copied().unwrap_or(lane.connections);
            let take = SLICE
                .min(left)
                .min(room.window.saturating_sub(room.rows))
                .min(room.tenant.saturating_sub(*held_tenant))
                .min(cap.saturating_sub(*held_sender));
            *held_tenant += take;
            *held_sender += take;
            room.rows += take;
            left -= take;
            given += take;
            *takes.entry(lane.sender).or_default() += take;
        }
        if given == 0 {
            break;
        }
    }
    order
        .into_iter()
        .filter_map(|lane| Some((lane, takes.get(&lane.sender).copied().filter(|take| *take > 0)?)))
        .collect()
}

/// One lane of each tenant, then a second of each, and so on.
fn around_tenants(lanes: &[Lane], turn: usize) -> Vec<Lane> {
    let mut places: HashMap<TenantId, usize> = HashMap::new();
    let mut by_tenant: Vec<Vec<Lane>> = Vec::new();
    for lane in lanes {
        let place = *places.entry(lane.tenant).or_insert_with(|| {
            by_tenant.push(Vec::new());
            by_tenant.len() - 1
        });
        by_tenant[place].push(*lane);
    }
    if by_tenant.is_empty() {
        return Vec::new();
    }
    let first = turn % by_tenant.len();
    by_tenant.rotate_left(first);
    for of_tenant in &mut by_tenant {
        let first = turn % of_tenant.len();
        of_tenant.rotate_left(first);
    }
    let longest = by_tenant.iter().map(Vec::len).max().unwrap_or(0);
    (0..longest).flat_map(|at| by_tenant.iter().filter_map(move |of_tenant| of_tenant.get(at).copied())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn lane(tenant: u128, sender: u128) -> Lane {
        Lane { tenant: TenantId(Uuid::from_u128(tenant)), sender: SenderId(Uuid::from_u128(sender)), connections: 10 }
    }

    fn room(window: u32, tenant: u32) -> Room {
        Room { window, tenant, rows: 0, by_tenant: HashMap::new(), by_sender: HashMap::new() }
    }

    fn caps(lanes: &[Lane], cap: u32) -> HashMap<SenderId, u32> {
        lanes.iter().map(|lane| (lane.sender, cap)).collect()
    }

    #[test]
    fn a_tenant_with_many_senders_gets_no_more_than_its_share() {
        let lanes: Vec<Lane> = (0..20).map(|sender| lane(1, sender)).chain([lane(2, 100)]).collect();
        let planned = plan(&lanes, &caps(&lanes, 1_000), room(400, 100), 0);
        let of = |tenant: u128| -> u32 {
            planned
                .iter()
                .filter(|(lane, _)| lane.tenant == TenantId(Uuid::from_u128(tenant)))
                .map(|(_, take)| take)
                .sum()
        };
        assert_eq!((of(1), of(2)), (100, 100));
    }

    #[test]
    fn a_sender_that_drains_nothing_holds_its_connections_and_no_more() {
        let lanes = [lane(1, 1), lane(1, 2)];
        let mut caps = caps(&lanes, 500);
        caps.insert(lanes[0].sender, 10);
        let mut room = room(1_000, 1_000);
        room.by_sender.insert(lanes[0].sender, 10);
        room.rows = 10;
        let planned = plan(&lanes, &caps, room, 0);
        assert_eq!(planned, [(lanes[1], 500)]);
    }

    #[test]
    fn the_window_is_filled_and_never_passed() {
        let lanes: Vec<Lane> = (0..7).map(|at| lane(at % 3, at)).collect();
        for turn in 0..10 {
            let planned = plan(&lanes, &caps(&lanes, 10_000), room(256, 10_000), turn);
            assert_eq!(planned.iter().map(|(_, take)| take).sum::<u32>(), 256);
        }
        assert!(plan(&[], &HashMap::new(), room(256, 64), 3).is_empty());
    }

    #[test]
    fn everybody_is_first_in_turn() {
        let lanes = [lane(1, 1), lane(2, 2), lane(3, 3)];
        let first: Vec<Lane> = (0..3).map(|turn| plan(&lanes, &caps(&lanes, 25), room(25, 25), turn)[0].0).collect();
        assert_eq!(first, lanes);
    }
}
