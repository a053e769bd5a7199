use std::time::Duration;

use domain::ids::ApiKeyId;
use domain::limits::Rate;
use link::Arg;

use crate::{Limiter, LimitsError, Result, scripts};

/// What a key's bucket gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiTokens {
    pub granted: u32,
    /// What is left in it.
    pub left: u32,
    /// How long until it has one more.
    pub wait: Duration,
}

impl Limiter {
    /// Takes up to `wanted` requests of an API key from the bucket that all processes share.
    pub async fn take_api_tokens(&self, key: ApiKeyId, rate: &Rate, wanted: u32) -> Result<ApiTokens> {
        let keys = [self.link.keys().api_requests(key)];
        let args = [
            Arg::Number(rate.interval_us() as i64),
            Arg::Number(i64::from(rate.burst())),
            Arg::Number(i64::from(wanted)),
        ];
        let answer = self.link.invoke(&scripts::TAKE_API_TOKENS, &keys, &args).await?;
        let part = |at: usize| -> Result<u64> {
            answer.rest.get(at).and_then(|text| text.parse().ok()).ok_or(LimitsError::Unreadable)
        };
        let count = |at: usize| Ok::<_, LimitsError>(u32::try_from(part(at)?).unwrap_or(u32::MAX));
        Ok(ApiTokens { granted: count(0)?, left: count(1)?, wait: Duration::from_micros(part(2)?) })
    }
}
