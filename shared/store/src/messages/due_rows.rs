use chrono::{DateTime, Utc};
use domain::ids::{MessageId, SenderId, TenantId};
use domain::messages::Priority;
use uuid::Uuid;

use super::Messages;
use crate::answered::answered;
use crate::{Place, Result, StoreError};

/// Lanes found at one scan: bounds what the feeder holds in memory.
const LANES_MAX: i64 = 50_000;

/// A sender's due rows: the fresh ones, or those in the waiting room of one recipient domain.
#[derive(Debug, Clone, PartialEq)]
pub struct DueLane {
    pub tenant: TenantId,
    pub sender: SenderId,
    /// Empty for fresh rows.
    pub room: Box<str>,
    pub connections: u32,
    /// The sender or its tenant is.
    pub paused: bool,
    /// How long its oldest row has been due, in seconds.
    pub oldest_due_secs: f64,
}

/// How deep to look into a lane, for each priority.
#[derive(Debug, Clone)]
pub struct LaneLook {
    pub tenant: TenantId,
    pub sender: SenderId,
    pub room: Box<str>,
    pub depth: u32,
}

/// A row that might be fed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueRow {
    pub message: MessageId,
    /// Where it stood.
    pub place: Place,
    pub tenant: TenantId,
    pub sender: SenderId,
    pub priority: Priority,
    pub run_at: DateTime<Utc>,
    /// The waiting room it stands in; empty for a fresh row.
    pub room: Box<str>,
    pub domain: Box<str>,
}

type LaneColumns = (Uuid, Uuid, String, i32, f64, bool);
type DueColumns = (Uuid, Place, Uuid, Uuid, i16, DateTime<Utc>, String, String);

impl Messages<'_> {
    /// Every lane with a due row, skipping from one to the next in the index: its cost follows the number of lanes,
    /// never the number of messages.
    pub async fn due_lanes_all_tenants(&self) -> Result<Vec<DueLane>> {
        let rows: Vec<LaneColumns> =
            answered!(self.pool, sqlx::query_as(include_str!("due_lanes.sql")).bind(LANES_MAX), fetch_all);
        let lane = |(tenant, sender, room, connections, oldest_due_secs, paused): LaneColumns| DueLane {
            tenant: TenantId(tenant),
            sender: SenderId(sender),
            room: room.into(),
            connections: u32::try_from(connections).unwrap_or(1),
            paused,
            oldest_due_secs,
        };
        Ok(rows.into_iter().map(lane).collect())
    }

    /// The first due rows of each of these lanes. Locks and changes nothing: `feed_rows` takes only what is still due.
    pub async fn due_rows(&self, looks: &[LaneLook]) -> Result<Vec<DueRow>> {
        let rows: Vec<DueColumns> = answered!(
            self.pool,
            sqlx::query_as(include_str!("due_rows.sql"))
                .bind(looks.iter().map(|look| look.tenant.uuid()).collect::<Vec<_>>())
                .bind(looks.iter().map(|look| look.sender.uuid()).collect::<Vec<_>>())
                .bind(looks.iter().map(|look| &*look.room).collect::<Vec<_>>())
                .bind(looks.iter().map(|look| look.depth as i32).collect::<Vec<_>>()),
            fetch_all
        );
        rows.into_iter().map(due_row).collect()
    }
}

fn due_row((message, place, tenant, sender, priority, run_at, room, domain): DueColumns) -> Result<DueRow> {
    let priority =
        Priority::from_rank(priority).ok_or(StoreError::Unreadable { noun: "message_runs", column: "priority" })?;
    Ok(DueRow {
        message: MessageId(message),
        place,
        tenant: TenantId(tenant),
        sender: SenderId(sender),
        priority,
        run_at,
        room: room.into(),
        domain: domain.into(),
    })
}
