use std::time::Duration;

use serde::Serialize;

use super::BucketKey;

/// Why a bucket gives nothing now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedBy {
    /// Its tokens are used up for the moment.
    Rate,
    /// Its day's quota is used up.
    Quota,
    /// The provider asked for a pause.
    Pushback,
    /// How much of the day's quota is used is not known here yet: whoever can read it from Postgres loads it.
    Unknown,
}

impl RefusedBy {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Quota => "quota",
            Self::Pushback => "pushback",
            Self::Unknown => "unknown",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Rate, Self::Quota, Self::Pushback, Self::Unknown].into_iter().find(|why| why.as_str() == text)
    }
}

/// The bucket that makes a message wait longest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitRefusal {
    pub bucket: BucketKey,
    pub why: RefusedBy,
    pub wait: Duration,
}
