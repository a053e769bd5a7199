use domain::ids::{JobId, WorkerId};
use domain::jobs::PoolName;
use redis::AsyncCommands;

use crate::backend::holder;
use crate::{QueueError, QueueLink, Result};

impl QueueLink {
    /// The jobs that workers hold, and who. Read in two steps: what is taken or settled meanwhile may not show.
    pub async fn held(&self, pool: &PoolName) -> Result<Vec<(JobId, WorkerId)>> {
        let (keys, mut redis) = (self.keys(), self.connection());
        let tokens: Vec<String> = redis.zrange(keys.pool(pool, "leases"), 0, -1).await?;
        // Nothing at all is no request that Redis could answer.
        if tokens.is_empty() {
            return Ok(Vec::new());
        }
        let mut looks = redis::pipe();
        for token in &tokens {
            looks.smembers(keys.pool(pool, &format!("held:{token}")));
        }
        let jobs: Vec<Vec<String>> = looks.query_async(&mut redis).await?;
        let mut held = Vec::new();
        for (token, jobs) in tokens.iter().zip(jobs) {
            let worker = holder(token)?;
            for job in jobs {
                held.push((job.parse().map_err(|_| QueueError::Unreadable)?, worker));
            }
        }
        Ok(held)
    }
}
