use super::FeedMessages;
use super::lanes::Room;
use super::state::State;
use queue::LaneName;

impl FeedMessages {
    /// Tells producers who has to wait: a lane with older rows, and a domain whose room has some. Whoever has none may
    /// push at once.
    pub(super) async fn note_lanes(&self, state: &mut State) -> anyhow::Result<()> {
        self.parts.queue.clear_backlog(&state.emptied.iter().copied().collect::<Vec<_>>()).await?;
        state.emptied.clear();
        let waiting = state.lanes.iter().filter(|(_, lane)| lane.fresh);
        let fresh: Vec<LaneName> = waiting
            .map(|(sender, lane)| LaneName { tenant: lane.tenant, sender })
            .filter(|name| !state.noted.contains(name))
            .collect();
        self.parts.queue.note_backlog(&fresh).await?;

        let filled: Vec<Room> =
            state.lanes.rooms().filter(|room| !state.noted_rooms.contains(*room)).cloned().collect();
        let emptied: Vec<Room> =
            state.noted_rooms.iter().filter(|room| !state.lanes.room_is_filled(room.0, &room.1)).cloned().collect();
        self.parts.queue.note_rooms(&filled, &emptied).await?;
        Ok(())
    }
}
