use std::collections::HashMap;
use std::str::FromStr;

use domain::ids::{JobId, MessageId};
use domain::jobs::PoolName;
use link::Arg;
use redis::AsyncCommands;

use crate::{QueueLink, Result, scripts};

/// A job whose second worker died too, and the row it was handling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrashedJob<R = MessageId> {
    pub job: JobId,
    pub row: R,
}

impl QueueLink {
    pub async fn crashed<R: FromStr>(&self, pool: &PoolName) -> Result<Vec<CrashedJob<R>>> {
        let marks: HashMap<String, String> = self.connection().hgetall(self.keys().pool(pool, "crashed")).await?;
        let read = |(job, row): (String, String)| Some(CrashedJob { job: job.parse().ok()?, row: row.parse().ok()? });
        Ok(marks.into_iter().filter_map(read).collect())
    }

    /// Postgres knows of these crashes: their jobs may go.
    pub async fn drop_crashed(&self, pool: &PoolName, jobs: &[JobId]) -> Result<()> {
        let keys = self.keys();
        let names = [
            keys.pulse(),
            keys.window(),
            keys.pool(pool, "data"),
            keys.pool(pool, "deliveries"),
            keys.pool(pool, "crashed"),
        ];
        let args: Vec<Arg<'_>> = jobs.iter().map(|job| Arg::Owned(job.to_string())).collect();
        self.call(&scripts::DROP_CRASHED, &names, &args).await?;
        Ok(())
    }
}
