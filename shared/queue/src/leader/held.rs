use domain::ids::JobId;
use domain::jobs::PoolName;
use redis::AsyncCommands;

use crate::{QueueError, QueueLink, Result};

impl QueueLink {
    /// The jobs that workers hold, each with the token that it is held by, which begins with the worker. Read in two
    /// steps: what is taken or settled meanwhile may not show.
    pub async fn held(&self, pool: &PoolName) -> Result<Vec<(JobId, String)>> {
        let (keys, mut redis) = (self.keys(), self.connection());
        let tokens: Vec<String> = redis.zrange(keys.pool(pool, "leases"), 0, -1).await?;
        let mut looks = redis::pipe();
        for token in &tokens {
            looks.smembers(keys.pool(pool, &format!("held:{token}")));
        }
        let jobs: Vec<Vec<String>> = looks.query_async(&mut redis).await?;
        let held = tokens
            .into_iter()
            .zip(jobs)
            .flat_map(|(token, jobs)| jobs.into_iter().map(move |job| (job, token.clone())));
        held.map(|(job, token)| Ok((job.parse().map_err(|_| QueueError::Unreadable)?, token))).collect()
    }
}
