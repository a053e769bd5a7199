use std::time::Duration;

use domain::ids::TenantId;
use domain::limits::{BucketKey, LimitRefusal, RefusedBy};
use link::encode_buckets;

use crate::{Limiter, LimitsError, Result, scripts};

/// A bucket as it stands: `None` has a token.
pub type Standing = Option<LimitRefusal>;

impl Limiter {
    /// How long each of these buckets of a tenant would make one more message wait. Takes nothing.
    pub async fn look(&self, tenant: TenantId, buckets: &[BucketKey]) -> Result<Vec<Standing>> {
        let book = self.book()?;
        let specs: Vec<_> = buckets.iter().map(|bucket| self.spec(&book, tenant, bucket.clone())).collect();
        let (mut keys, mut args) = (vec![self.link.keys().pulse()], Vec::new());
        keys.extend(specs.iter().map(|spec| spec.key.clone()));
        encode_buckets(&specs, &mut args);
        let answer = self.link.call(&scripts::LOOK, &keys, &args).await?;
        if answer.rest.len() != buckets.len() * 2 {
            return Err(LimitsError::Unreadable);
        }
        let read = |(bucket, parts): (&BucketKey, &[String])| {
            if parts[0].is_empty() {
                return Ok(None);
            }
            let why = RefusedBy::parse(&parts[0]).ok_or(LimitsError::Unreadable)?;
            let wait = Duration::from_micros(parts[1].parse().map_err(|_| LimitsError::Unreadable)?);
            Ok(Some(LimitRefusal { bucket: bucket.clone(), why, wait }))
        };
        buckets.iter().zip(answer.rest.chunks_exact(2)).map(read).collect()
    }
}
