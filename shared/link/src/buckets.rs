use std::collections::{BTreeMap, HashMap};

use domain::ids::{SenderId, TenantId};
use domain::limits::{BucketKey, Grant, LimitSet, Taken, TokenReturn};

use crate::{Arg, LinkError, Result};

/// A bucket as a script is told of it.
#[derive(Debug, Clone)]
pub struct BucketSpec {
    pub bucket: BucketKey,
    /// Its key in Redis.
    pub key: String,
    pub limits: LimitSet,
}

/// Appends buckets to a script's arguments; their keys stand in the same order.
pub fn encode_buckets(specs: &[BucketSpec], args: &mut Vec<Arg<'_>>) {
    args.push(Arg::Number(specs.len() as i64));
    for spec in specs {
        args.push(Arg::Number(spec.limits.rates().len() as i64));
        for rate in spec.limits.rates() {
            args.push(Arg::Text(rate.period.as_str()));
            args.extend([Arg::Number(rate.interval_us() as i64), Arg::Number(i64::from(rate.burst()))]);
        }
        args.push(Arg::Number(spec.limits.quota().map_or(-1, i64::from)));
    }
}

/// Appends tokens to be given back: arguments to `args`, and to `keys` what is not among them yet. The first key that
/// may be counted from stands at `before`. Tokens of one kind go as one: what is returned apart counts against each other.
pub fn encode_returns<'a>(returns: &'a [TokenReturn], before: usize, keys: &mut Vec<String>, args: &mut Vec<Arg<'a>>) {
    let mut merged: BTreeMap<&'a Taken, u32> = BTreeMap::new();
    for TokenReturn { taken, tokens } in returns {
        *merged.entry(taken).or_default() += tokens;
    }
    args.push(Arg::Number(merged.len() as i64));
    for (taken, tokens) in merged {
        let place = keys[before..].iter().position(|key| *key == taken.bucket).unwrap_or_else(|| {
            keys.push(taken.bucket.clone());
            keys.len() - before - 1
        });
        args.extend([
            Arg::Number(place as i64 + 1),
            Arg::Text(&taken.field),
            Arg::Number(taken.interval),
            Arg::Number(taken.first),
            Arg::Number(i64::from(tokens)),
        ]);
    }
}

/// What a script took from buckets that it opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    at: i64,
    taken: HashMap<BucketKey, Vec<Taken>>,
}

impl Tokens {
    /// Reads the time and what `push_firsts` answered.
    pub fn read(specs: &[BucketSpec], parts: &mut impl Iterator<Item = String>) -> Result<Self> {
        let mut opened = Self { at: number(parts.next())?, ..Self::default() };
        for spec in specs {
            let mut taken = Vec::with_capacity(spec.limits.rates().len() + 1);
            for rate in spec.limits.rates() {
                taken.push(Taken {
                    bucket: spec.key.clone(),
                    field: rate.period.as_str().to_owned(),
                    interval: rate.interval_us() as i64,
                    first: number(parts.next())?,
                });
            }
            let day = parts.next().ok_or(LinkError::Unreadable)?;
            if !day.is_empty() {
                taken.push(Taken { bucket: spec.key.clone(), field: day, interval: 0, first: 0 });
            }
            opened.taken.insert(spec.bucket.clone(), taken);
        }
        Ok(opened)
    }

    /// The day of UTC by Redis's clock, in days since 1970.
    pub fn day(&self) -> i64 {
        self.at / 86_400_000_000
    }

    /// Adds what a later call took. The earliest time and the lowest TAT are lower bounds for both.
    pub fn add(&mut self, later: Self) {
        self.at = if self.at == 0 { later.at } else { self.at.min(later.at) };
        for (bucket, taken) in later.taken {
            self.taken.entry(bucket).or_insert(taken);
        }
    }

    /// The grant of a job: of one sender, with a row for each domain.
    pub fn grant(&self, tenant: TenantId, sender: SenderId, domains: &[&str]) -> Grant {
        Grant::of_rows(self.at, &self.taken, tenant, sender, domains)
    }
}

fn number(text: Option<String>) -> Result<i64> {
    text.and_then(|text| text.parse().ok()).ok_or(LinkError::Unreadable)
}

/// Messages that ask for tokens: each item so many rows, all of which need a token from every bucket of its route.
#[derive(Debug, Clone, Default)]
pub struct TokenAsk {
    pub specs: Vec<BucketSpec>,
    /// Places in `specs`.
    pub routes: Vec<Vec<usize>>,
    /// Place of a route, and rows.
    pub items: Vec<(usize, u32)>,
}

impl TokenAsk {
    /// The keys of its buckets, in order.
    pub fn keys(&self) -> impl Iterator<Item = String> {
        self.specs.iter().map(|spec| spec.key.clone())
    }

    /// Appends buckets, routes and items; nothing may follow them.
    pub fn encode<'a>(&'a self, args: &mut Vec<Arg<'a>>) {
        encode_buckets(&self.specs, args);
        args.push(Arg::Number(self.routes.len() as i64));
        for route in &self.routes {
            args.push(Arg::Number(route.len() as i64));
            args.extend(route.iter().map(|place| Arg::Number(*place as i64 + 1)));
        }
        for (route, rows) in &self.items {
            args.extend([Arg::Number(*route as i64 + 1), Arg::Number(i64::from(*rows))]);
        }
    }
}
