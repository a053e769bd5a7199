use domain::limits::{BucketKey, Channel};
use link::{Arg, Script};

use crate::{Limiter, Result, scripts};

impl Limiter {
    /// Tells a bucket how much of its quota Postgres has counted on a day (days since 1970, UTC). Whoever comes second
    /// changes nothing.
    pub async fn load_quota(&self, bucket: &BucketKey, day: i64, used: u64) -> Result<()> {
        self.tell_quota(&scripts::LOAD_QUOTA, bucket, day, used).await
    }

    /// The same for a bucket that knows of more: only when nothing of it is on its way.
    pub async fn correct_quota(&self, bucket: &BucketKey, day: i64, used: u64) -> Result<()> {
        self.tell_quota(&scripts::CORRECT_QUOTA, bucket, day, used).await
    }

    async fn tell_quota(&self, script: &Script, bucket: &BucketKey, day: i64, used: u64) -> Result<()> {
        let keys = [self.link.keys().pulse(), self.link.keys().bucket(Channel::Email, bucket)];
        let args = [Arg::Number(day), Arg::Number(i64::try_from(used).unwrap_or(i64::MAX))];
        self.link.call(script, &keys, &args).await?;
        Ok(())
    }
}
