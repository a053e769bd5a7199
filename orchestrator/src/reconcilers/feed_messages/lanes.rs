use std::collections::{BTreeSet, HashMap, HashSet};

use domain::ids::{SenderId, TenantId};
use domain::senders::CONNECTIONS_DEFAULT;
use queue::LaneName;
use store::messages::DueLane;

/// The waiting room of a recipient domain.
pub type Room = (TenantId, Box<str>);

/// A sender with due rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderLane {
    pub tenant: TenantId,
    pub connections: u32,
    /// It has rows that stand in no room.
    pub fresh: bool,
    /// Rooms in which it has rows.
    pub rooms: BTreeSet<Box<str>>,
    /// Its first rows mostly belong into rooms: look further.
    pub deep: bool,
}

/// Who has due rows, as far as the feeder knows between two scans.
#[derive(Debug, Default)]
pub struct Lanes {
    senders: HashMap<SenderId, SenderLane>,
    paused: HashSet<SenderId>,
    rooms: HashMap<Room, HashSet<SenderId>>,
}

impl Lanes {
    /// What a scan found is all there is.
    pub fn replace(&mut self, found: Vec<DueLane>) {
        *self = Self::default();
        for lane in found {
            if lane.paused {
                self.paused.insert(lane.sender);
                continue;
            }
            let known = self.lane(lane.tenant, lane.sender, lane.connections);
            if lane.room.is_empty() {
                known.fresh = true;
            } else {
                known.rooms.insert(lane.room.clone());
                self.rooms.entry((lane.tenant, lane.room)).or_default().insert(lane.sender);
            }
        }
    }

    /// A bell, or a producer that found no room: these have rows.
    pub fn add(&mut self, names: impl IntoIterator<Item = LaneName>) {
        for name in names {
            if !self.paused.contains(&name.sender) {
                self.lane(name.tenant, name.sender, CONNECTIONS_DEFAULT).fresh = true;
            }
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (SenderId, &SenderLane)> {
        self.senders.iter().map(|(sender, lane)| (*sender, lane))
    }

    pub fn get(&self, sender: SenderId) -> Option<&SenderLane> {
        self.senders.get(&sender)
    }

    pub fn is_empty(&self) -> bool {
        self.senders.is_empty()
    }

    pub fn room_is_filled(&self, tenant: TenantId, domain: &str) -> bool {
        self.rooms.contains_key(&(tenant, domain.into()))
    }

    pub fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.rooms.keys()
    }

    pub fn set_deep(&mut self, sender: SenderId, deep: bool) {
        if let Some(lane) = self.senders.get_mut(&sender) {
            lane.deep = deep;
        }
    }

    /// Rows of the sender went into a room.
    pub fn fill_room(&mut self, tenant: TenantId, sender: SenderId, domain: &str) {
        let lane = self.lane(tenant, sender, CONNECTIONS_DEFAULT);
        if lane.rooms.insert(domain.into()) {
            self.rooms.entry((tenant, domain.into())).or_default().insert(sender);
        }
    }

    /// A lane has no rows left: the fresh one, or the one in a room.
    pub fn empty(&mut self, tenant: TenantId, sender: SenderId, room: &str) {
        let Some(lane) = self.senders.get_mut(&sender) else { return };
        if room.is_empty() {
            lane.fresh = false;
        } else {
            lane.rooms.remove(room);
            let key = (tenant, room.into());
            if let Some(in_room) = self.rooms.get_mut(&key) {
                in_room.remove(&sender);
                if in_room.is_empty() {
                    self.rooms.remove(&key);
                }
            }
        }
        if !lane.fresh && lane.rooms.is_empty() {
            self.senders.remove(&sender);
        }
    }

    fn lane(&mut self, tenant: TenantId, sender: SenderId, connections: u32) -> &mut SenderLane {
        self.senders.entry(sender).or_insert_with(|| SenderLane {
            tenant,
            connections,
            fresh: false,
            rooms: BTreeSet::new(),
            deep: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const TENANT: TenantId = TenantId(Uuid::from_u128(1));

    fn sender(n: u128) -> SenderId {
        SenderId(Uuid::from_u128(n))
    }

    fn found(n: u128, room: &str, paused: bool) -> DueLane {
        let connections = 10;
        DueLane { tenant: TENANT, sender: sender(n), room: room.into(), connections, paused, oldest_due_secs: 0.0 }
    }

    #[test]
    fn a_room_is_filled_while_anybody_who_may_send_has_rows_in_it() {
        let mut lanes = Lanes::default();
        lanes.replace(vec![found(1, "", false), found(1, "a.example", false), found(2, "b.example", true)]);
        assert!(lanes.room_is_filled(TENANT, "a.example"));
        assert!(!lanes.room_is_filled(TENANT, "b.example"), "its only sender is paused");
        lanes.fill_room(TENANT, sender(3), "a.example");
        lanes.empty(TENANT, sender(1), "a.example");
        assert!(lanes.room_is_filled(TENANT, "a.example"));
        lanes.empty(TENANT, sender(3), "a.example");
        assert!(!lanes.room_is_filled(TENANT, "a.example"));
        lanes.empty(TENANT, sender(1), "");
        assert!(lanes.is_empty());
    }

    #[test]
    fn a_bell_for_a_paused_sender_is_not_heard() {
        let mut lanes = Lanes::default();
        lanes.replace(vec![found(1, "", true)]);
        lanes.add([LaneName { tenant: TENANT, sender: sender(1) }, LaneName { tenant: TENANT, sender: sender(2) }]);
        assert!(lanes.get(sender(1)).is_none() && lanes.get(sender(2)).is_some_and(|lane| lane.fresh));
    }
}
