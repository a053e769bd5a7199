use domain::ids::JobId;
use domain::jobs::PoolName;
use domain::messages::wait::JobPlace;
use link::Arg;

use crate::backend::holder;
use crate::{QueueError, QueueLink, Result, scripts};

impl QueueLink {
    /// Where a job is, for whoever asks about one of its rows.
    pub async fn place_of(&self, pool: &PoolName, job: JobId) -> Result<JobPlace> {
        let keys = self.keys();
        let part = |part| keys.pool(pool, part);
        let names = [keys.pulse(), part("data"), keys.reserved(), part("leases"), part("held")];
        let answer = self.call(&scripts::PLACE, &names, &[Arg::Owned(job.to_string())]).await?;
        match answer.status.as_str() {
            "held" => {
                let worker = holder(answer.rest.first().ok_or(QueueError::Unreadable)?)?;
                Ok(JobPlace::Held { pool: pool.to_string(), worker })
            }
            "ready" => Ok(JobPlace::Ready { pool: pool.to_string() }),
            "gone" => Ok(JobPlace::Gone),
            _ => Err(QueueError::Unreadable),
        }
    }
}
