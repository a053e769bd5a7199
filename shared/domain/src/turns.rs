//! Whose turn it is: round-robin in rows over tenants, and within a tenant over its senders, whoever has had least first.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use crate::ids::{SenderId, TenantId};

/// What a sender would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    pub tenant: TenantId,
    pub sender: SenderId,
    pub rows: u32,
}

/// A sender in line: how many rows it has had, and how many it still wants. The one that has had least comes first.
type Queued = Reverse<(u64, SenderId, u32)>;

/// How many rows each tenant and sender with work has had. Keeps its place over passes: whoever was refused has not
/// had its turn.
#[derive(Debug, Clone, Default)]
pub struct Turns {
    tenants: HashMap<TenantId, u64>,
    senders: HashMap<SenderId, u64>,
}

impl Turns {
    /// Who has work now. Who comes (back) to it begins where the least served stands: idling earns nothing.
    pub fn enter(&mut self, demands: &[Demand]) {
        let tenants: HashSet<TenantId> = demands.iter().map(|demand| demand.tenant).collect();
        enter(&mut self.tenants, &tenants);
        let mut of_tenant: HashMap<TenantId, HashSet<SenderId>> = HashMap::new();
        for demand in demands {
            of_tenant.entry(demand.tenant).or_default().insert(demand.sender);
        }
        let mut senders = HashMap::with_capacity(demands.len());
        for active in of_tenant.values() {
            let mut own: HashMap<SenderId, u64> =
                active.iter().filter_map(|id| self.senders.get(id).map(|had| (*id, *had))).collect();
            enter(&mut own, active);
            senders.extend(own);
        }
        self.senders = senders;
    }

    /// A sender was given rows.
    pub fn give(&mut self, tenant: TenantId, sender: SenderId, rows: u32) {
        *self.tenants.entry(tenant).or_default() += u64::from(rows);
        *self.senders.entry(sender).or_default() += u64::from(rows);
    }

    /// Goes around, `slice` rows at a time; `allow` says how many of them a sender may really take, and whoever may take
    /// none is out. Answers the turns in their order. What is given here is not counted: `give` does, once it is certain.
    pub fn go_around(&self, demands: &[Demand], slice: u32, mut allow: impl FnMut(&Demand, u32) -> u32) -> Vec<Demand> {
        let mut tenants: HashMap<TenantId, BinaryHeap<Queued>> = HashMap::new();
        for demand in demands.iter().filter(|demand| demand.rows > 0) {
            let had = self.senders.get(&demand.sender).copied().unwrap_or(0);
            tenants.entry(demand.tenant).or_default().push(Reverse((had, demand.sender, demand.rows)));
        }
        let had = |tenant: &TenantId| self.tenants.get(tenant).copied().unwrap_or(0);
        let mut order: BinaryHeap<Reverse<(u64, TenantId)>> =
            tenants.keys().map(|tenant| Reverse((had(tenant), *tenant))).collect();
        let mut turns = Vec::new();
        while let Some(Reverse((had, tenant))) = order.pop() {
            let Some(senders) = tenants.get_mut(&tenant) else { continue };
            let Some(Reverse((sender_had, sender, left))) = senders.pop() else { continue };
            let turn = Demand { tenant, sender, rows: slice.min(left) };
            let taken = allow(&turn, turn.rows).min(turn.rows);
            if taken > 0 {
                turns.push(Demand { rows: taken, ..turn });
                if taken == turn.rows && left > taken {
                    senders.push(Reverse((sender_had + u64::from(taken), sender, left - taken)));
                }
            }
            if !senders.is_empty() {
                order.push(Reverse((had + u64::from(taken), tenant)));
            }
        }
        turns
    }
}

fn enter<Id: Copy + Eq + std::hash::Hash>(had: &mut HashMap<Id, u64>, active: &HashSet<Id>) {
    had.retain(|id, _| active.contains(id));
    let least = had.values().min().copied().unwrap_or(0);
    for id in active {
        had.entry(*id).or_insert(least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use uuid::Uuid;

    fn demand(tenant: u128, sender: u128, rows: u32) -> Demand {
        Demand { tenant: TenantId(Uuid::from_u128(tenant)), sender: SenderId(Uuid::from_u128(sender)), rows }
    }

    fn of_tenant(turns: &[Demand], tenant: u128) -> u32 {
        turns.iter().filter(|turn| turn.tenant.uuid().as_u128() == tenant).map(|turn| turn.rows).sum()
    }

    #[test]
    fn a_million_of_one_does_not_delay_anothers_ten() {
        let demands = [demand(1, 1, 1_000_000), demand(2, 2, 10)];
        let mut left = 40;
        let turns = Turns::default().go_around(&demands, 1, |_, asked| {
            let taken = asked.min(left);
            left -= taken;
            taken
        });
        assert_eq!((of_tenant(&turns, 1), of_tenant(&turns, 2)), (30, 10));
        let place = turns.iter().rposition(|turn| turn.tenant.uuid().as_u128() == 2).expect("it had turns");
        assert!(place < 20, "its last is the {place}th");
    }

    #[test]
    fn many_senders_are_worth_no_more_than_one() {
        let demands: Vec<Demand> = (0..20).map(|sender| demand(1, sender, 100)).chain([demand(2, 99, 100)]).collect();
        let mut left = 100;
        let turns = Turns::default().go_around(&demands, 5, |_, asked| {
            let taken = asked.min(left);
            left -= taken;
            taken
        });
        assert_eq!((of_tenant(&turns, 1), of_tenant(&turns, 2)), (50, 50));
    }

    #[test]
    fn who_was_refused_keeps_its_place_and_who_idled_earned_nothing() {
        let mut turns = Turns::default();
        let both = [demand(1, 1, 5), demand(2, 2, 5)];
        turns.enter(&both);
        turns.give(both[0].tenant, both[0].sender, 3);
        assert_eq!(turns.go_around(&both, 1, |_, asked| asked)[0].tenant, both[1].tenant);
        // The second goes away while the first is served on, and comes back as an equal.
        turns.enter(&both[..1]);
        turns.give(both[0].tenant, both[0].sender, 1_000);
        turns.enter(&both);
        let order = turns.go_around(&both, 1, |_, asked| asked);
        assert_eq!((of_tenant(&order[..4], 1), of_tenant(&order[..4], 2)), (2, 2));
    }

    proptest! {
        /// However the rows come to be given, nobody with work is ever more than a slice ahead of another.
        #[test]
        fn with_scarce_room_shares_stay_within_a_slice(
            tenants in 2u128..8, slice in 1u32..30, rooms in prop::collection::vec(0u32..50, 1..60),
        ) {
            let demands: Vec<Demand> = (0..tenants).map(|tenant| demand(tenant, 100 + tenant, 1_000_000)).collect();
            let (mut turns, mut had) = (Turns::default(), HashMap::<TenantId, u32>::new());
            for mut room in rooms {
                turns.enter(&demands);
                let given = turns.go_around(&demands, slice, |_, asked| {
                    let taken = asked.min(room);
                    room -= taken;
                    taken
                });
                for turn in given {
                    turns.give(turn.tenant, turn.sender, turn.rows);
                    *had.entry(turn.tenant).or_default() += turn.rows;
                }
            }
            let of = |tenant: u128| had.get(&TenantId(Uuid::from_u128(tenant))).copied().unwrap_or(0);
            let (least, most) = ((0..tenants).map(of).min().unwrap_or(0), (0..tenants).map(of).max().unwrap_or(0));
            prop_assert!(most - least <= slice, "{least} and {most} at slices of {slice}");
        }
    }
}
