use std::collections::HashMap;

use domain::ids::{SenderId, TenantId};
use link::Arg;
use redis::AsyncCommands;

use crate::lane::{parse_room, room_name};
use crate::{LaneName, QueueError, QueueLink, Result, scripts};

/// Senders whose share is written down; the others have the default.
const CAPS_MAX: usize = 2_000;

/// How many rows may stand in the window: in all, per tenant, per sender.
#[derive(Debug, Clone, Default)]
pub struct Caps {
    pub window: u32,
    pub tenant: u32,
    pub senders: Vec<(SenderId, u32)>,
}

/// How many stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Occupancy {
    pub rows: u32,
    pub by_tenant: HashMap<TenantId, u32>,
    pub by_sender: HashMap<SenderId, u32>,
    /// Lanes that somebody found waiting.
    pub backlog: Vec<LaneName>,
    /// Waiting rooms that are noted as filled.
    pub rooms_noted: Vec<(TenantId, Box<str>)>,
}

impl QueueLink {
    /// Writes the caps that pushes are checked against, and answers what stands.
    pub async fn occupancy(&self, caps: &Caps) -> Result<Occupancy> {
        let keys = self.keys();
        let names = [keys.pulse(), keys.window(), keys.caps(), keys.backlog()];
        let mut args = vec![Arg::Number(i64::from(caps.window)), Arg::Number(i64::from(caps.tenant))];
        for (sender, most) in caps.senders.iter().take(CAPS_MAX) {
            args.extend([Arg::Owned(format!("s:{sender}")), Arg::Number(i64::from(*most))]);
        }
        let answer = self.call(&scripts::OCCUPANCY, &names, &args).await?;
        let (backlog, counts) = answer.rest.split_first().ok_or(QueueError::Unreadable)?;
        let mut occupancy = Occupancy::default();
        for name in read_names(backlog)? {
            match parse_room(&name) {
                Some(room) => occupancy.rooms_noted.push(room),
                None => occupancy.backlog.extend(name.parse::<LaneName>()),
            }
        }
        for pair in counts.chunks_exact(2) {
            let rows = pair[1].parse().unwrap_or(0);
            match pair[0].split_at_checked(2) {
                Some(("t:", id)) => drop(id.parse().map(|id| occupancy.by_tenant.insert(id, rows))),
                Some(("s:", id)) => drop(id.parse().map(|id| occupancy.by_sender.insert(id, rows))),
                _ if pair[0] == "rows" => occupancy.rows = rows,
                _ => {}
            }
        }
        Ok(occupancy)
    }

    /// These lanes have no due rows left behind: what comes next may be pushed at once.
    pub async fn clear_backlog(&self, lanes: &[LaneName]) -> Result<()> {
        if lanes.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = lanes.iter().map(LaneName::to_string).collect();
        let _: i64 = self.connection().srem(self.keys().backlog(), names).await?;
        Ok(())
    }

    /// Which waiting rooms have rows: what comes for their domains must wait behind those.
    pub async fn note_rooms(&self, filled: &[(TenantId, Box<str>)], emptied: &[(TenantId, Box<str>)]) -> Result<()> {
        let names = |rooms: &[(TenantId, Box<str>)]| -> Vec<String> {
            rooms.iter().map(|(tenant, domain)| room_name(*tenant, domain)).collect()
        };
        let backlog = self.keys().backlog();
        if !filled.is_empty() {
            let _: i64 = self.connection().sadd(&backlog, names(filled)).await?;
        }
        if !emptied.is_empty() {
            let _: i64 = self.connection().srem(&backlog, names(emptied)).await?;
        }
        Ok(())
    }

    /// These lanes have due rows that found no room: what comes next must wait behind them.
    pub async fn note_backlog(&self, lanes: &[LaneName]) -> Result<()> {
        if lanes.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = lanes.iter().map(LaneName::to_string).collect();
        let _: i64 = self.connection().sadd(self.keys().backlog(), names).await?;
        Ok(())
    }
}

/// An empty Lua table encodes as `{}`.
fn read_names(json: &str) -> Result<Vec<String>> {
    if json == "{}" {
        return Ok(Vec::new());
    }
    serde_json::from_str(json).map_err(|_| QueueError::Unreadable)
}
