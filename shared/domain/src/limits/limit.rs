use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Gcra;

/// Most limits of one scope.
pub const LIMITS_MAX: usize = 4;
/// The default burst is what the rate gives in this time, and one at least.
const DEFAULT_BURST_US: u64 = 5_000_000;
const TOKENS_MAX: u32 = 1_000_000_000;
/// A burst may not hold more than a day of its rate: who wants that wants a quota.
const BURST_US_MAX: u64 = 24 * 3_600 * 1_000_000;

/// A limit that does not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLimit {
    #[error("a limit is written like 20/min, 1000/h, 200/h,burst=20 or 500/day")]
    Form,
    #[error("a limit allows 1 to {TOKENS_MAX}")]
    Tokens,
    #[error("a limit allows at most one per microsecond")]
    TooFast,
    #[error("a burst is 1 or more, and at most what the rate gives in a day")]
    Burst,
    #[error("a day's quota has no burst")]
    QuotaBurst,
    #[error("a recipient domain has no day's quota")]
    DomainQuota,
    #[error("a scope has at most {LIMITS_MAX} limits")]
    TooMany,
    #[error("a scope has one limit for each of s, min, h and day")]
    Repeated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Period {
    Second,
    Minute,
    Hour,
}

impl Period {
    const ALL: [Self; 3] = [Self::Second, Self::Minute, Self::Hour];

    pub fn micros(self) -> u64 {
        match self {
            Self::Second => 1_000_000,
            Self::Minute => 60_000_000,
            Self::Hour => 3_600_000_000,
        }
    }

    /// As written, and as the field of the bucket that keeps it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "min",
            Self::Hour => "h",
        }
    }
}

/// So many in a period, evenly, with a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    pub tokens: u32,
    pub period: Period,
    /// As written; `None` is the default.
    pub burst: Option<u32>,
}

impl Rate {
    /// Rounded up, so that rounding never allows more.
    pub fn interval_us(self) -> u64 {
        self.period.micros().div_ceil(u64::from(self.tokens))
    }

    pub fn burst(self) -> u32 {
        let by_rate = DEFAULT_BURST_US * u64::from(self.tokens) / self.period.micros();
        self.burst.unwrap_or_else(|| u32::try_from(by_rate.max(1)).unwrap_or(u32::MAX))
    }

    pub fn gcra(self) -> Gcra {
        Gcra { interval: self.interval_us() as i64, burst: i64::from(self.burst()) }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tokens, self.period.as_str())?;
        self.burst.map_or(Ok(()), |burst| write!(f, ",burst={burst}"))
    }
}

/// One limit of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    Rate(Rate),
    /// So many in a day of UTC.
    Quota(u32),
}

impl FromStr for Limit {
    type Err = InvalidLimit;

    fn from_str(text: &str) -> Result<Self, InvalidLimit> {
        let (rate, burst) = match text.split_once(',') {
            Some((rate, burst)) => (rate, Some(burst.trim().strip_prefix("burst=").ok_or(InvalidLimit::Form)?)),
            None => (text, None),
        };
        let (tokens, period) = rate.trim().split_once('/').ok_or(InvalidLimit::Form)?;
        let tokens = number(tokens)?;
        if !(1..=TOKENS_MAX).contains(&tokens) {
            return Err(InvalidLimit::Tokens);
        }
        if period == "day" {
            return if burst.is_none() { Ok(Self::Quota(tokens)) } else { Err(InvalidLimit::QuotaBurst) };
        }
        let period = Period::ALL.into_iter().find(|known| known.as_str() == period).ok_or(InvalidLimit::Form)?;
        let burst = burst.map(number).transpose()?;
        if u64::from(tokens) > period.micros() {
            return Err(InvalidLimit::TooFast);
        }
        let rate = Rate { tokens, period, burst };
        let held_us = u64::from(rate.burst()).saturating_mul(rate.interval_us());
        if rate.burst() == 0 || held_us > BURST_US_MAX {
            return Err(InvalidLimit::Burst);
        }
        Ok(Self::Rate(rate))
    }
}

/// Digits only: a sign, a space or an exponent is a mistake better told than guessed at.
fn number(text: &str) -> Result<u32, InvalidLimit> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidLimit::Form);
    }
    text.parse().map_err(|_| InvalidLimit::Tokens)
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate(rate) => rate.fmt(f),
            Self::Quota(tokens) => write!(f, "{tokens}/day"),
        }
    }
}

/// All limits of a scope; they hold at once. None means that the scope itself limits nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct LimitSet {
    rates: Vec<Rate>,
    quota: Option<u32>,
}

impl LimitSet {
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self, InvalidLimit> {
        if texts.len() > LIMITS_MAX {
            return Err(InvalidLimit::TooMany);
        }
        let mut set = Self::default();
        for text in texts {
            let repeated = match text.as_ref().parse()? {
                Limit::Quota(tokens) => set.quota.replace(tokens).is_some(),
                Limit::Rate(rate) => {
                    let known = set.rates.iter().any(|other| other.period == rate.period);
                    set.rates.push(rate);
                    known
                }
            };
            if repeated {
                return Err(InvalidLimit::Repeated);
            }
        }
        set.rates.sort_by_key(|rate| rate.period);
        Ok(set)
    }

    pub fn rates(&self) -> &[Rate] {
        &self.rates
    }

    pub fn quota(&self) -> Option<u32> {
        self.quota
    }

    pub fn is_empty(&self) -> bool {
        self.rates.is_empty() && self.quota.is_none()
    }

    pub fn texts(&self) -> Vec<String> {
        let rates = self.rates.iter().map(Rate::to_string);
        rates.chain(self.quota.map(|quota| Limit::Quota(quota).to_string())).collect()
    }
}

impl TryFrom<Vec<String>> for LimitSet {
    type Error = InvalidLimit;

    fn try_from(texts: Vec<String>) -> Result<Self, InvalidLimit> {
        Self::parse(&texts)
    }
}

impl From<LimitSet> for Vec<String> {
    fn from(set: LimitSet) -> Self {
        set.texts()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_read_as_they_are_written() {
        for text in ["20/min", "1000/h", "200/h,burst=20", "500/day", "3/s", "1/h", "1000000/s"] {
            assert_eq!(text.parse::<Limit>().map(|limit| limit.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_no_limit_is_told_so() {
        use InvalidLimit::{Burst, Form, QuotaBurst, Tokens, TooFast};
        for (text, error) in [
            ("", Form),
            ("20", Form),
            ("20/minute", Form),
            ("-1/min", Form),
            ("1e3/h", Form),
            (" 20 /min", Form),
            ("20/min,20", Form),
            ("0/min", Tokens),
            ("99999999999/h", Tokens),
            ("1000001/s", TooFast),
            ("20/min,burst=0", Burst),
            ("1/h,burst=25", Burst),
            ("500/day,burst=3", QuotaBurst),
        ] {
            assert_eq!(text.parse::<Limit>(), Err(error), "{text}");
        }
        assert_eq!(LimitSet::parse(&["20/min", "30/min"]), Err(InvalidLimit::Repeated));
        assert_eq!(LimitSet::parse(&["1/s", "1/min", "1/h", "1/day", "2/s"]), Err(InvalidLimit::TooMany));
    }

    #[test]
    fn the_default_burst_is_five_seconds_of_the_rate_and_one_at_least() {
        let burst = |text: &str| match text.parse() {
            Ok(Limit::Rate(rate)) => rate.burst(),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            [burst("20/min"), burst("1000/h"), burst("5000/h"), burst("20000/h"), burst("100/s")],
            [1, 1, 6, 27, 500]
        );
    }

    #[test]
    fn an_interval_is_rounded_so_that_the_rate_is_never_passed() {
        let rate = Rate { tokens: 7, period: Period::Second, burst: None };
        assert!(rate.interval_us() * 7 >= 1_000_000);
    }
}
