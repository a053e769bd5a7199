//! The tokens of one job's rows: those it came with, and those asked for again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::ids::{MessageId, SenderId, TenantId};
use domain::jobs::SendJob;
use domain::limits::{GRANT_GOOD_FOR, Grant, TokenReturn};
use limits::{Ask, Limiter};
use queue::Lease;
use tokio::time::Instant;

/// A grant with less time left is not begun with: the commit takes some of it.
const TIME_TO_COMMIT: Duration = Duration::from_millis(500);
/// Older tokens do not go back: they have all but drained, Redis keeps what it needs for this longer only, and a day's
/// count is corrected from Postgres, where they are not counted.
const RETURNED_WITHIN: Duration = Duration::from_secs(10);
const BY: &str = "worker";

/// Tokens of one row.
#[derive(Clone)]
enum RowTokens {
    /// It has none yet.
    None,
    Held {
        grant: Arc<Grant>,
        place: usize,
    },
    /// Spent, or given back.
    Gone,
}

/// Tokens of a row whose commit is under way.
pub struct Spent {
    pub good_until: Instant,
    tokens: RowTokens,
}

pub struct JobTokens {
    limits: Limiter,
    lease: Lease,
    tenant: TenantId,
    sender: SenderId,
    rows: Mutex<HashMap<MessageId, RowTokens>>,
}

impl JobTokens {
    pub fn of(job: &SendJob, lease: &Lease, limits: &Limiter) -> Self {
        // Of a job that comes a second time nobody knows which tokens its first holder has spent.
        let ours = |grant: &Grant| !lease.is_redelivered() && grant.of_row.len() == job.rows.len();
        let grant = job.grant.clone().filter(ours).map(Arc::new);
        let tokens = |place| match &grant {
            Some(grant) => RowTokens::Held { grant: Arc::clone(grant), place },
            None => RowTokens::None,
        };
        let rows = job.rows.iter().enumerate().map(|(place, row)| (*row, tokens(place))).collect();
        let (limits, lease) = (limits.clone(), lease.clone());
        Self { limits, lease, tenant: job.tenant, sender: job.sender, rows: Mutex::new(rows) }
    }

    /// Makes sure that each of these rows has tokens that are good; asks, once for all of them, where they are not.
    /// Answers the rows that got none.
    pub async fn ensure(&self, rows: &[(MessageId, &str)]) -> Vec<MessageId> {
        let (mut stale, mut asking) = (Vec::new(), Vec::new());
        {
            let mut known = self.lock();
            for (row, domain) in rows {
                let tokens = known.get(row).cloned().unwrap_or(RowTokens::None);
                if let RowTokens::Held { grant, place } = &tokens {
                    if self.good_for(grant) > TIME_TO_COMMIT {
                        continue;
                    }
                    if self.may_return(grant) {
                        stale.extend(grant.returns(&[*place]));
                    }
                }
                // Whatever comes of the asking: what it had is given back with it, and only once.
                known.insert(*row, RowTokens::Gone);
                asking.push((*row, *domain));
            }
        }
        if asking.is_empty() {
            return Vec::new();
        }
        metrics::counter!("postfleet_limit_reasks_total").increment(asking.len() as u64);
        let asks: Vec<Ask> = asking
            .iter()
            .map(|(_, domain)| Ask { tenant: self.tenant, sender: self.sender, domain: (*domain).into(), rows: 1 })
            .collect();
        let admitted = match self.limits.ask_again(BY, &stale, &asks).await {
            Ok(admitted) => admitted,
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "tokens cannot be asked for; rows go back");
                return asking.into_iter().map(|(row, _)| row).collect();
            }
        };
        let granted: Vec<bool> = admitted.verdicts.iter().map(|verdict| verdict.granted > 0).collect();
        let of =
            |wanted: bool| asking.iter().zip(&granted).filter(move |(_, got)| **got == wanted).map(|(row, _)| *row);
        let domains: Vec<&str> = of(true).map(|(_, domain)| domain).collect();
        let grant = Arc::new(admitted.tokens.grant(self.tenant, self.sender, &domains));
        let mut known = self.lock();
        for (place, (row, _)) in of(true).enumerate() {
            known.insert(row, RowTokens::Held { grant: Arc::clone(&grant), place });
        }
        of(false).map(|(row, _)| row).collect()
    }

    /// The row is about to pass the point of no return with its tokens. `None` if it has none.
    pub fn spend(&self, row: MessageId) -> Option<Spent> {
        let mut known = self.lock();
        let tokens = std::mem::replace(known.get_mut(&row)?, RowTokens::Gone);
        let RowTokens::Held { grant, .. } = &tokens else { return None };
        Some(Spent { good_until: Instant::now() + self.good_for(grant), tokens })
    }

    /// It did not pass it after all.
    pub fn restore(&self, row: MessageId, spent: Spent) {
        self.lock().insert(row, spent.tokens);
    }

    /// The row is not ours, or somebody else may have sent it: its tokens count as spent.
    pub fn count_as_spent(&self, row: MessageId) {
        self.lock().insert(row, RowTokens::Gone);
    }

    /// What was never spent. Answers it once.
    pub fn take_unused(&self) -> Vec<TokenReturn> {
        let mut by_grant: HashMap<*const Grant, (Arc<Grant>, Vec<usize>)> = HashMap::new();
        for tokens in self.lock().values_mut() {
            if let RowTokens::Held { grant, place } = std::mem::replace(tokens, RowTokens::Gone) {
                by_grant.entry(Arc::as_ptr(&grant)).or_insert_with(|| (grant, Vec::new())).1.push(place);
            }
        }
        let fresh = by_grant.into_values().filter(|(grant, _)| self.may_return(grant));
        fresh.flat_map(|(grant, places)| grant.returns(&places)).collect()
    }

    fn may_return(&self, grant: &Grant) -> bool {
        self.lease.since_us(grant.at) < RETURNED_WITHIN
    }

    fn good_for(&self, grant: &Grant) -> Duration {
        GRANT_GOOD_FOR.saturating_sub(self.lease.since_us(grant.at))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MessageId, RowTokens>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
