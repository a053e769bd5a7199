use std::time::Duration;

use domain::limits::{BucketKey, Channel, PUSHBACK_MAX, PUSHBACK_MIN};
use link::Arg;

use crate::{Limiter, Result, scripts};

impl Limiter {
    /// A provider asked for a pause: nobody in the fleet is granted anything from this bucket until it is over.
    pub async fn park(&self, bucket: &BucketKey, pause: Duration) -> Result<()> {
        let pause = pause.clamp(PUSHBACK_MIN, PUSHBACK_MAX);
        let keys = [self.link.keys().pulse(), self.link.keys().bucket(Channel::Email, bucket)];
        self.link.call(&scripts::PARK, &keys, &[Arg::Number(pause.as_micros() as i64)]).await?;
        let scope = bucket.scope().as_str();
        metrics::counter!("postfleet_limit_pushbacks_total", "scope" => scope).increment(1);
        metrics::counter!("postfleet_limit_pushback_seconds_total", "scope" => scope).increment(pause.as_secs());
        Ok(())
    }
}
