use domain::ids::JobId;
use domain::jobs::PoolName;
use link::Arg;

use crate::{QueueError, QueueLink, Result, scripts};

/// Jobs asked about in one call.
const STANDING_BATCH: usize = 500;

impl QueueLink {
    /// Which of these jobs stand in Redis no more. Seen together with the generation: an error is never absence.
    pub async fn gone(&self, pool: &PoolName, jobs: &[JobId]) -> Result<Vec<JobId>> {
        let keys = self.keys();
        let names = [keys.pulse(), keys.pool(pool, "data"), keys.reserved()];
        let mut gone = Vec::new();
        for chunk in jobs.chunks(STANDING_BATCH) {
            let args: Vec<Arg<'_>> = chunk.iter().map(|job| Arg::Owned(job.to_string())).collect();
            let answer = self.call(&scripts::STANDING, &names, &args).await?;
            if answer.rest.len() != chunk.len() {
                return Err(QueueError::Unreadable);
            }
            gone.extend(chunk.iter().zip(&answer.rest).filter(|(_, stands)| *stands == "0").map(|(job, _)| *job));
        }
        Ok(gone)
    }
}
