use domain::jobs::PoolName;
use redis::AsyncCommands;

use crate::{QueueError, QueueLink, Result, scripts};

/// A look at a pool's books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audit {
    /// Jobs with data.
    pub jobs: u64,
    /// Jobs that stand somewhere: ready, delayed, leased or crashed.
    pub placed: u64,
    pub ready: u64,
    pub leased: u64,
    /// Rows in the window, of all pools.
    pub rows: u64,
}

impl Audit {
    pub fn adds_up(self) -> bool {
        self.jobs == self.placed
    }
}

impl QueueLink {
    /// Has the next audit count anew what the window holds: something that was counted has vanished.
    pub async fn ask_for_recount(&self) -> Result<()> {
        let _: i64 = self.connection().hset(self.keys().window(), "recount", 1).await?;
        Ok(())
    }

    pub async fn audit(&self, pool: &PoolName) -> Result<Audit> {
        let keys = self.keys();
        let [high, normal, low] = keys.ready(pool);
        let names = [
            keys.pulse(),
            keys.window(),
            keys.reservations(),
            keys.pool(pool, "data"),
            high,
            normal,
            low,
            keys.pool(pool, "delayed"),
            keys.pool(pool, "leases"),
            keys.pool(pool, "crashed"),
            keys.pool(pool, "held"),
        ];
        let answer = self.call(&scripts::AUDIT, &names, &[]).await?;
        let numbers: Vec<u64> = answer.rest.iter().filter_map(|part| part.parse().ok()).collect();
        let [jobs, placed, ready, leased, rows] = numbers[..] else { return Err(QueueError::Unreadable) };
        Ok(Audit { jobs, placed, ready, leased, rows })
    }
}
