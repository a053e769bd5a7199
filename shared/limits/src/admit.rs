use std::time::Duration;

use domain::limits::{LimitRefusal, RefusedBy, TokenReturn};
use link::{Tokens, encode_returns};
use tokio::time::Instant;

use crate::{Ask, Limiter, LimitsError, Result, scripts};

/// Asks in one call: bounds how long Redis serves nobody else.
const ADMIT_MAX: usize = 256;

/// What came of one ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub granted: u32,
    /// Where fewer were granted than asked.
    pub refusal: Option<LimitRefusal>,
}

/// What came of all of them, in order.
#[derive(Debug, Clone, Default)]
pub struct Admitted {
    pub verdicts: Vec<Verdict>,
    pub tokens: Tokens,
}

impl Limiter {
    /// Takes tokens for a batch of messages, in order: for each from all its buckets, or none. `by` is who asks, for
    /// the metrics.
    pub async fn admit(&self, by: &'static str, asks: &[Ask]) -> Result<Admitted> {
        let mut all = Admitted::default();
        for chunk in asks.chunks(ADMIT_MAX) {
            self.admit_chunk(by, &[], chunk, &mut all).await?;
        }
        Ok(all)
    }

    /// Gives tokens of a stale grant back and asks for new ones, at once.
    pub async fn ask_again(&self, by: &'static str, stale: &[TokenReturn], asks: &[Ask]) -> Result<Admitted> {
        let mut all = Admitted::default();
        self.admit_chunk(by, stale, asks, &mut all).await?;
        Ok(all)
    }

    async fn admit_chunk(
        &self,
        by: &'static str,
        returned: &[TokenReturn],
        asks: &[Ask],
        all: &mut Admitted,
    ) -> Result<()> {
        let told = self.token_ask(asks)?;
        let mut keys = vec![self.link.keys().pulse()];
        keys.extend(told.keys());
        let mut args = Vec::with_capacity(16 + told.specs.len() * 8 + asks.len() * 2);
        encode_returns(returned, 1, &mut keys, &mut args);
        told.encode(&mut args);
        let since = Instant::now();
        let answer = self.link.call(&scripts::ADMIT, &keys, &args).await?;
        metrics::histogram!("postfleet_limit_admit_seconds").record(since.elapsed().as_secs_f64());

        let mut parts = answer.rest.into_iter();
        all.tokens.add(Tokens::read(&told.specs, &mut parts)?);
        for ask in asks {
            let (granted, refuser): (u32, usize) = (read(parts.next())?, read(parts.next())?);
            let why = parts.next().ok_or(LimitsError::Unreadable)?;
            let wait = Duration::from_micros(read(parts.next())?);
            let refusal = match refuser {
                0 => None,
                place => {
                    let bucket = told.specs.get(place - 1).ok_or(LimitsError::Unreadable)?.bucket.clone();
                    let why = RefusedBy::parse(&why).ok_or(LimitsError::Unreadable)?;
                    Some(LimitRefusal { bucket, why, wait })
                }
            };
            count(by, granted, ask.rows, refusal.as_ref());
            all.verdicts.push(Verdict { granted, refusal });
        }
        Ok(())
    }
}

fn count(by: &'static str, granted: u32, asked: u32, refusal: Option<&LimitRefusal>) {
    metrics::counter!("postfleet_limit_grants_total", "by" => by).increment(u64::from(granted));
    if let Some(refusal) = refusal {
        let (scope, why) = (refusal.bucket.scope().as_str(), refusal.why.as_str());
        metrics::counter!("postfleet_limit_refusals_total", "by" => by, "scope" => scope, "why" => why)
            .increment(u64::from(asked - granted));
    }
}

fn read<T: std::str::FromStr>(part: Option<String>) -> Result<T> {
    part.and_then(|text| text.parse().ok()).ok_or(LimitsError::Unreadable)
}
