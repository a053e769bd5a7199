use std::collections::HashSet;

use queue::LaneName;

use super::FeedMessages;
use super::lanes::{Lanes, Room};

/// What Redis had been told when the pass began.
pub struct Noted {
    pub lanes: HashSet<LaneName>,
    pub rooms: HashSet<Room>,
}

impl FeedMessages {
    /// Tells producers who has to wait: a lane with older rows, and a domain whose room has some. Whoever has none may
    /// push at once.
    pub(super) async fn note_lanes(&self, lanes: &Lanes, emptied: &[LaneName], noted: &Noted) -> anyhow::Result<()> {
        self.parts.queue.clear_backlog(emptied).await?;
        let fresh: Vec<LaneName> = lanes
            .iter()
            .filter(|(_, lane)| lane.fresh)
            .map(|(sender, lane)| LaneName { tenant: lane.tenant, sender })
            .filter(|name| !noted.lanes.contains(name))
            .collect();
        self.parts.queue.note_backlog(&fresh).await?;

        let filled: Vec<Room> = lanes.rooms().filter(|room| !noted.rooms.contains(*room)).cloned().collect();
        let unfilled = noted.rooms.iter().filter(|room| !lanes.room_is_filled(room.0, &room.1)).cloned();
        self.parts.queue.note_rooms(&filled, &unfilled.collect::<Vec<_>>()).await?;
        Ok(())
    }
}
