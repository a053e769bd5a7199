//! Asking for tokens, and what the answers teach. Pure.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use domain::ids::{SenderId, TenantId};
use domain::limits::{BucketKey, Channel, LimitBook, RefusedBy, Shortages};
use domain::messages::Priority;
use limits::{Ask, Verdict};
use store::messages::DueRow;

/// Rows as asks, and for each row its ask. Where tokens abound, all rows of one sender and priority to one domain ask as
/// one; where they are scarce, only those that stand together, so that everybody keeps its turn.
pub fn asks(rows: &[DueRow], scarce: bool) -> (Vec<Ask>, Vec<usize>) {
    let mut asks: Vec<Ask> = Vec::new();
    let mut places: HashMap<(SenderId, &str, Priority), usize> = HashMap::new();
    let mut ask_of = Vec::with_capacity(rows.len());
    for row in rows {
        let kind = (row.sender, &*row.domain, row.priority);
        let known = places.get(&kind).copied().filter(|at| !scarce || *at + 1 == asks.len());
        let at = known.unwrap_or_else(|| {
            asks.push(Ask { tenant: row.tenant, sender: row.sender, domain: row.domain.clone(), rows: 0 });
            asks.len() - 1
        });
        places.insert(kind, at);
        asks[at].rows += 1;
        ask_of.push(at);
    }
    (asks, ask_of)
}

/// The first rows of an ask get its tokens. Answers those that got some, and the others.
pub fn share_out(rows: Vec<DueRow>, ask_of: &[usize], verdicts: &[Verdict]) -> (Vec<DueRow>, Vec<DueRow>) {
    let mut left: Vec<u32> = verdicts.iter().map(|verdict| verdict.granted).collect();
    let (mut granted, mut refused) = (Vec::new(), Vec::new());
    for (row, ask) in rows.into_iter().zip(ask_of) {
        match left.get_mut(*ask) {
            Some(tokens) if *tokens > 0 => {
                *tokens -= 1;
                granted.push(row);
            }
            _ => refused.push(row),
        }
    }
    (granted, refused)
}

/// Whether a refused row makes way: it stands in no room yet, and its domain refused somebody.
pub fn steps_aside(verdicts: &[Verdict]) -> impl Fn(&DueRow) -> bool {
    let refusals = verdicts.iter().filter_map(|verdict| verdict.refusal.as_ref());
    let short: HashSet<(TenantId, Box<str>)> = refusals
        .filter_map(|refusal| match &refusal.bucket {
            BucketKey::Domain(tenant, domain) => Some((*tenant, domain.clone())),
            _ => None,
        })
        .collect();
    move |row| row.room.is_empty() && short.contains(&(row.tenant, row.domain.clone()))
}

/// Quotas that somebody has to see to.
#[derive(Debug, Default)]
pub struct QuotasMet {
    /// Redis does not know how much of them is used.
    pub unknown: BTreeSet<BucketKey>,
    pub exhausted: BTreeSet<BucketKey>,
}

/// Remembers which buckets are short; answers the quotas that were met.
pub fn learn(
    shortages: &mut Shortages,
    now: Duration,
    asks: &[Ask],
    verdicts: &[Verdict],
    book: &LimitBook,
) -> QuotasMet {
    let mut quotas = QuotasMet::default();
    for (ask, verdict) in asks.iter().zip(verdicts) {
        for bucket in Ask::buckets(ask.tenant, ask.sender, &ask.domain) {
            shortages.granted(now, &bucket, verdict.granted);
        }
    }
    for (ask, verdict) in asks.iter().zip(verdicts) {
        let Some(refusal) = &verdict.refusal else { continue };
        if refusal.why == RefusedBy::Unknown {
            quotas.unknown.insert(refusal.bucket.clone());
            continue;
        }
        if refusal.why == RefusedBy::Quota {
            quotas.exhausted.insert(refusal.bucket.clone());
        }
        shortages.refused(now, refusal, &book.limits(Channel::Email, ask.tenant, &refusal.bucket));
    }
    quotas
}
