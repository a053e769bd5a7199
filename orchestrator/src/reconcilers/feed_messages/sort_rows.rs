//! Which of the rows that were looked at are asked for, in which order, and which go into waiting rooms. Pure.

use std::collections::HashMap;
use std::time::Duration;

use domain::ids::SenderId;
use domain::limits::{BucketKey, Shortages};
use domain::turns::{Demand, Turns};
use store::messages::{DueRow, LaneLook};

use super::lanes::Lanes;
use super::plan::SLICE;

/// How deep to look where a sender's first rows mostly belong into rooms.
const DEEP: u32 = 1_000;
/// Senders looked into so deep in one pass: bounds what it reads and moves.
const DEEP_MAX: usize = 2;

/// What was looked at, sorted.
#[derive(Debug, Default)]
pub struct SortedRows {
    /// In the order in which they ask for tokens.
    pub candidates: Vec<DueRow>,
    /// Fresh rows whose room has rows already, or whose domain has no tokens.
    pub joiners: Vec<DueRow>,
    /// A bucket that several share is short.
    pub scarce: bool,
}

/// Where to look: the sender's fresh rows, and its rows in rooms whose bucket may have tokens.
pub fn looks(planned: &[Demand], lanes: &Lanes, shortages: &Shortages, now: Duration) -> Vec<LaneLook> {
    let mut looks = Vec::with_capacity(planned.len());
    let mut deep = 0;
    for turn in planned {
        let Some(lane) = lanes.get(turn.sender) else { continue };
        let look = |room: &str, depth| LaneLook { tenant: turn.tenant, sender: turn.sender, room: room.into(), depth };
        if lane.fresh {
            let dig = lane.deep && deep < DEEP_MAX;
            deep += usize::from(dig);
            looks.push(look("", if dig { DEEP.max(turn.rows) } else { turn.rows }));
        }
        let mut left = turn.rows;
        for room in &lane.rooms {
            if left == 0 {
                break;
            }
            let depth = shortages.most(now, &BucketKey::Domain(turn.tenant, room.clone())).min(turn.rows);
            left = left.saturating_sub(depth);
            if depth > 0 {
                looks.push(look(room, depth));
            }
        }
    }
    looks
}

/// Sorts what was found. A sender's rows go by priority and time, wherever they stand; senders and tenants take turns,
/// row by row where a bucket that they share is short.
pub fn sort_rows(
    rows: Vec<DueRow>,
    planned: &[Demand],
    lanes: &Lanes,
    turns: &Turns,
    shortages: &Shortages,
    now: Duration,
) -> SortedRows {
    let mut sorted = SortedRows::default();
    let mut by_sender: HashMap<SenderId, Vec<DueRow>> = HashMap::new();
    for row in rows {
        let waits = || {
            lanes.room_is_filled(row.tenant, &row.domain)
                || shortages.most(now, &BucketKey::Domain(row.tenant, row.domain.clone())) == 0
        };
        if row.room.is_empty() && waits() {
            sorted.joiners.push(row);
        } else {
            by_sender.entry(row.sender).or_default().push(row);
        }
    }
    let mut demands = Vec::with_capacity(planned.len());
    for turn in planned {
        let Some(rows) = by_sender.get_mut(&turn.sender) else { continue };
        rows.sort_by_key(|row| (row.priority, row.run_at, row.message));
        rows.truncate(turn.rows as usize);
        rows.reverse();
        demands.push(Demand { rows: rows.len() as u32, ..*turn });
    }
    let of_tenant = |turn: &Demand| shortages.is_short(now, &BucketKey::Tenant(turn.tenant));
    sorted.scarce = shortages.is_short(now, &BucketKey::Global) || demands.iter().any(of_tenant);
    for turn in turns.go_around(&demands, if sorted.scarce { 1 } else { SLICE }, |_, asked| asked) {
        if let Some(rows) = by_sender.get_mut(&turn.sender) {
            sorted.candidates.extend(std::iter::from_fn(|| rows.pop()).take(turn.rows as usize));
        }
    }
    sorted
}

#[cfg(test)]
#[path = "sort_rows_tests.rs"]
mod tests;
