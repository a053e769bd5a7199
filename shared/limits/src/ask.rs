use std::collections::HashMap;

use domain::ids::{SenderId, TenantId};
use domain::limits::BucketKey;
use link::TokenAsk;

use crate::{Limiter, Result};

/// Rows of one sender to one recipient domain that ask for tokens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ask {
    pub tenant: TenantId,
    pub sender: SenderId,
    pub domain: Box<str>,
    pub rows: u32,
}

impl Ask {
    /// Every bucket that a message takes from.
    pub fn buckets(tenant: TenantId, sender: SenderId, domain: &str) -> [BucketKey; 4] {
        [
            BucketKey::Sender(sender),
            BucketKey::Domain(tenant, domain.into()),
            BucketKey::Tenant(tenant),
            BucketKey::Global,
        ]
    }
}

impl Limiter {
    /// The asks as scripts are told of them, each bucket once.
    pub fn token_ask<'a>(&self, asks: impl IntoIterator<Item = &'a Ask>) -> Result<TokenAsk> {
        let book = self.book()?;
        let mut told = TokenAsk::default();
        let mut places: HashMap<BucketKey, usize> = HashMap::new();
        let mut routes: HashMap<(SenderId, &'a str), usize> = HashMap::new();
        for ask in asks {
            let route = *routes.entry((ask.sender, &*ask.domain)).or_insert_with(|| {
                let route = Ask::buckets(ask.tenant, ask.sender, &ask.domain).map(|bucket| {
                    *places.entry(bucket.clone()).or_insert_with(|| {
                        told.specs.push(self.spec(&book, ask.tenant, bucket));
                        told.specs.len() - 1
                    })
                });
                told.routes.push(route.to_vec());
                told.routes.len() - 1
            });
            told.items.push((route, ask.rows));
        }
        Ok(told)
    }
}
