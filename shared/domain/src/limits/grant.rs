use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::BucketKey;
use crate::ids::{SenderId, TenantId};

/// Tokens already taken for the rows of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Grant {
    /// When, in microseconds of Redis's clock.
    pub at: i64,
    /// From buckets that every row of the job shares: its sender's, its tenant's, the fleet's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared: Vec<Taken>,
    /// From the buckets of recipient domains, each with its domain's place in `of_row`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<(u8, Taken)>,
    /// For each row of the job, in order, its domain's place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub of_row: Vec<u8>,
}

/// One token per row from one bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Taken {
    /// The key in Redis.
    #[serde(rename = "b")]
    pub bucket: String,
    /// The field of it: a period, or the day of a quota.
    #[serde(rename = "f")]
    pub field: String,
    /// Microseconds between two tokens; 0 for a quota.
    #[serde(rename = "i")]
    pub interval: i64,
    /// A lower bound of the TAT after the first of them was taken.
    #[serde(rename = "t")]
    pub first: i64,
}

/// Tokens to be given back to one bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenReturn {
    pub taken: Taken,
    pub tokens: u32,
}

impl Grant {
    /// The grant of a job with one row for each domain, out of what one call took.
    pub fn of_rows(
        at: i64,
        taken: &HashMap<BucketKey, Vec<Taken>>,
        tenant: TenantId,
        sender: SenderId,
        domains: &[&str],
    ) -> Self {
        let from = |bucket: BucketKey| taken.get(&bucket).into_iter().flatten().cloned();
        let shared = [BucketKey::Sender(sender), BucketKey::Tenant(tenant), BucketKey::Global];
        let mut grant = Self { at, shared: shared.into_iter().flat_map(from).collect(), ..Self::default() };
        let mut places: HashMap<&str, u8> = HashMap::new();
        for domain in domains {
            // A job has at most a hundred rows, so a place always fits.
            let next = places.len() as u8;
            let place = *places.entry(domain).or_insert(next);
            if place == next && usize::from(next) + 1 == places.len() {
                let of_domain = from(BucketKey::Domain(tenant, (*domain).into()));
                grant.domains.extend(of_domain.map(|taken| (place, taken)));
            }
            grant.of_row.push(place);
        }
        grant
    }

    /// What goes back when none of its rows was sent.
    pub fn returns_all(&self) -> Vec<TokenReturn> {
        self.returns(&(0..self.of_row.len()).collect::<Vec<_>>())
    }

    /// What goes back when the rows at these places were not sent.
    pub fn returns(&self, unused: &[usize]) -> Vec<TokenReturn> {
        let mut domains: BTreeMap<u8, u32> = BTreeMap::new();
        let known = unused.iter().filter(|at| **at < self.of_row.len());
        for at in known.clone() {
            *domains.entry(self.of_row[*at]).or_default() += 1;
        }
        let rows = known.count() as u32;
        let shared = self.shared.iter().map(|taken| TokenReturn { taken: taken.clone(), tokens: rows });
        let of_domains = self.domains.iter().map(|(place, taken)| TokenReturn {
            taken: taken.clone(),
            tokens: domains.get(place).copied().unwrap_or(0),
        });
        shared.chain(of_domains).filter(|back| back.tokens > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bucket: &str) -> Taken {
        Taken { bucket: bucket.to_owned(), field: "h".to_owned(), interval: 10, first: 5 }
    }

    #[test]
    fn each_unused_row_returns_its_tokens_to_its_own_buckets() {
        let grant = Grant {
            at: 1,
            shared: vec![taken("s")],
            domains: vec![(0, taken("a")), (1, taken("b"))],
            of_row: vec![0, 1, 0],
        };
        let back = |unused: &[usize]| -> Vec<(String, u32)> {
            grant.returns(unused).into_iter().map(|back| (back.taken.bucket, back.tokens)).collect()
        };
        assert_eq!(back(&[0, 2]), [("s".to_owned(), 2), ("a".to_owned(), 2)]);
        assert_eq!(back(&[1]), [("s".to_owned(), 1), ("b".to_owned(), 1)]);
        assert_eq!(back(&[7]), []);
        assert_eq!(back(&[]), []);
    }
}
