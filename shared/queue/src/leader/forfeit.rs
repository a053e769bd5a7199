use domain::ids::WorkerId;
use domain::jobs::PoolName;
use link::Arg;

use crate::{QueueLink, Result, scripts};

impl QueueLink {
    /// A worker is known to be dead: its jobs need not wait for their leases to run out. Answers how many it held.
    pub async fn forfeit(&self, pool: &PoolName, worker: WorkerId) -> Result<u64> {
        let keys = self.keys();
        let names = [keys.pulse(), keys.pool(pool, "leases"), keys.pool(pool, "held")];
        let answer = self.call(&scripts::FORFEIT, &names, &[Arg::Owned(worker.to_string())]).await?;
        Ok(answer.rest.first().and_then(|count| count.parse().ok()).unwrap_or(0))
    }
}
