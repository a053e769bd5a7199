use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use domain::ids::ApiKeyId;
use domain::limits::Rate;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use limits::Limiter;
use lru::LruCache;
use tokio::time::{Instant, timeout};

const KEYS_MAX: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");
/// Requests that are taken from the shared bucket at once, as a part of the rate: one call to Redis for so many.
const LEASED_PART: u32 = 20;
/// What was taken and not used is no longer counted as ours after this.
const LEASED_FOR: Duration = Duration::from_millis(500);
/// Keys are forgotten by the local count whenever so many requests were counted.
const FORGET_EVERY: u32 = 100_000;

/// Requests per key: counted here, and in a bucket that all processes share.
pub struct RequestRates {
    rate: Option<Counted>,
    /// Longest wait for Redis; without it this process counts alone.
    redis_within: Duration,
}

struct Counted {
    rate: Rate,
    local: DefaultKeyedRateLimiter<ApiKeyId>,
    leases: Mutex<LruCache<ApiKeyId, Lease>>,
    requests: std::sync::atomic::AtomicU32,
}

#[derive(Clone, Copy)]
struct Lease {
    held: u32,
    /// In the shared bucket, as last seen.
    left: u32,
    until: Instant,
}

/// Where a key stands after this request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateStanding {
    pub refused: bool,
    pub limit: u32,
    pub remaining: u32,
    /// Until there is one more, where none is left; else until all are there again.
    pub reset_secs: u32,
}

impl RequestRates {
    pub fn new(rate: Option<Rate>, redis_within: Duration) -> Self {
        let counted = |rate: Rate| {
            let burst = NonZeroU32::new(rate.burst()).unwrap_or(NonZeroU32::MIN);
            let quota = Quota::with_period(Duration::from_micros(rate.interval_us().max(1)))
                .unwrap_or(Quota::per_second(burst))
                .allow_burst(burst);
            Counted {
                rate,
                local: RateLimiter::keyed(quota),
                leases: Mutex::new(LruCache::new(KEYS_MAX)),
                requests: 0.into(),
            }
        };
        Self { rate: rate.map(counted), redis_within }
    }

    /// Counts one request. `None`: requests are not limited.
    pub async fn count(&self, limits: &Limiter, key: ApiKeyId) -> Option<RateStanding> {
        let counted = self.rate.as_ref()?;
        counted.forget_now_and_then();
        // What this process alone may let through is never more than what all together may.
        if counted.local.check_key(&key).is_err() {
            return Some(counted.standing(true, 0, counted.interval()));
        }
        if let Some(left) = counted.take_leased(key) {
            return Some(counted.standing(false, left, counted.until_full(left)));
        }
        let wanted = (counted.per_second() / LEASED_PART).clamp(1, counted.rate.burst());
        match timeout(self.redis_within, limits.take_api_tokens(key, &counted.rate, wanted)).await {
            // Others who asked at the same moment may have taken more than they needed.
            Ok(Ok(tokens)) if tokens.granted == 0 => Some(match counted.take_leased(key) {
                Some(left) => counted.standing(false, left, counted.until_full(left)),
                None => counted.standing(true, 0, tokens.wait),
            }),
            Ok(Ok(tokens)) => {
                let left = counted.add_leased(key, tokens.granted - 1, tokens.left);
                Some(counted.standing(false, left, counted.until_full(left)))
            }
            // Redis is away: a limit on requests is no promise, and must not stop them.
            _ => {
                let left = counted.add_leased(key, wanted - 1, 0);
                Some(counted.standing(false, left, counted.until_full(left)))
            }
        }
    }
}

impl Counted {
    fn interval(&self) -> Duration {
        Duration::from_micros(self.rate.interval_us())
    }

    fn per_second(&self) -> u32 {
        u32::try_from(1_000_000 / self.rate.interval_us().max(1)).unwrap_or(u32::MAX)
    }

    fn until_full(&self, left: u32) -> Duration {
        self.interval().saturating_mul(self.rate.burst().saturating_sub(left))
    }

    /// Answers what is left to this key.
    fn add_leased(&self, key: ApiKeyId, taken: u32, left: u32) -> u32 {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        let standing = leases.get(&key).filter(|lease| lease.until > Instant::now()).map_or(0, |lease| lease.held);
        let held = taken + standing;
        leases.put(key, Lease { held, left, until: Instant::now() + LEASED_FOR });
        held + left
    }

    fn take_leased(&self, key: ApiKeyId) -> Option<u32> {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        let lease = leases.get_mut(&key).filter(|lease| lease.held > 0 && lease.until > Instant::now())?;
        lease.held -= 1;
        Some(lease.held + lease.left)
    }

    fn standing(&self, refused: bool, remaining: u32, reset: Duration) -> RateStanding {
        let reset_secs = u32::try_from(reset.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX);
        RateStanding { refused, limit: self.rate.burst(), remaining, reset_secs }
    }

    fn forget_now_and_then(&self) {
        if self.requests.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.local.retain_recent();
        }
    }
}

impl RateStanding {
    pub fn write(self, headers: &mut HeaderMap) {
        let numbers = [
            ("ratelimit-limit", self.limit),
            ("ratelimit-remaining", self.remaining),
            ("ratelimit-reset", self.reset_secs),
        ];
        for (name, number) in numbers {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(number));
        }
    }
}
