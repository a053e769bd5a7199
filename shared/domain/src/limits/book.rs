use std::collections::HashMap;

use super::{BucketKey, Channel, InvalidLimit, LimitSet, Scope};
use crate::ids::{SenderId, TenantId};

/// What a limit in Postgres is for: one bucket, or every bucket of a kind that has no limit of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LimitTarget {
    Global,
    Tenant(TenantId),
    /// Every recipient domain of a tenant.
    Domains(TenantId),
    Domain(TenantId, Box<str>),
    /// Every sender of a tenant.
    Senders(TenantId),
    Sender(TenantId, SenderId),
}

impl LimitTarget {
    /// What holds for a tenant where nothing is set for one domain or sender.
    pub fn general(tenant: TenantId) -> [Self; 4] {
        [Self::Global, Self::Tenant(tenant), Self::Domains(tenant), Self::Senders(tenant)]
    }

    pub fn scope(&self) -> Scope {
        match self {
            Self::Global => Scope::Global,
            Self::Tenant(_) => Scope::Tenant,
            Self::Domains(_) | Self::Domain(..) => Scope::Domain,
            Self::Senders(_) | Self::Sender(..) => Scope::Sender,
        }
    }

    pub fn tenant(&self) -> Option<TenantId> {
        match self {
            Self::Global => None,
            Self::Tenant(tenant)
            | Self::Domains(tenant)
            | Self::Domain(tenant, _)
            | Self::Senders(tenant)
            | Self::Sender(tenant, _) => Some(*tenant),
        }
    }

    /// The domain or sender; empty for all of a kind.
    pub fn key(&self) -> String {
        match self {
            Self::Domain(_, domain) => domain.to_string(),
            Self::Sender(_, sender) => sender.to_string(),
            _ => String::new(),
        }
    }

    /// The reverse of `scope`, `tenant` and `key`; `None` if they do not fit together.
    pub fn from_parts(scope: Scope, tenant: Option<TenantId>, key: &str) -> Option<Self> {
        Some(match (scope, tenant, key) {
            (Scope::Global, None, "") => Self::Global,
            (Scope::Tenant, Some(tenant), "") => Self::Tenant(tenant),
            (Scope::Domain, Some(tenant), "") => Self::Domains(tenant),
            (Scope::Domain, Some(tenant), domain) => Self::Domain(tenant, domain.into()),
            (Scope::Sender, Some(tenant), "") => Self::Senders(tenant),
            (Scope::Sender, Some(tenant), sender) => Self::Sender(tenant, sender.parse().ok()?),
            _ => return None,
        })
    }
}

/// A limit that somebody set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitOverride {
    pub target: LimitTarget,
    pub channel: Channel,
    pub limits: LimitSet,
}

impl LimitOverride {
    /// Reads limits for a target that may have them.
    pub fn parse<T: AsRef<str>>(target: LimitTarget, channel: Channel, limits: &[T]) -> Result<Self, InvalidLimit> {
        let limits = LimitSet::parse(limits)?;
        // A day's sends are counted per sender, and so for its tenant and the fleet.
        if target.scope() == Scope::Domain && limits.quota().is_some() {
            return Err(InvalidLimit::DomainQuota);
        }
        Ok(Self { target, channel, limits })
    }
}

/// Every limit that holds, defaults included.
#[derive(Debug, Clone, Default)]
pub struct LimitBook {
    overrides: HashMap<(Channel, LimitTarget), LimitSet>,
}

impl LimitBook {
    pub fn new(overrides: impl IntoIterator<Item = LimitOverride>) -> Self {
        Self { overrides: overrides.into_iter().map(|set| ((set.channel, set.target), set.limits)).collect() }
    }

    /// Where nothing is set. Sized so that a mailbox of a usual provider stays in good standing.
    pub fn default_for(scope: Scope, channel: Channel) -> LimitSet {
        let texts: &[&str] = match (channel, scope) {
            (Channel::Email, Scope::Sender) => &["20/min", "1000/h"],
            (Channel::Email, Scope::Tenant) => &["5000/h", "10000/day"],
            (Channel::Email, Scope::Domain) => &["200/h"],
            (Channel::Email, Scope::Global) => &["20000/h"],
            (Channel::Sms, Scope::Tenant) => &["10/min", "500/h", "5000/day"],
            (Channel::Sms, Scope::Global | Scope::Domain | Scope::Sender) => &[],
        };
        LimitSet::parse(texts).expect("a test reads every default")
    }

    /// What holds for a bucket of a tenant (the tenant of its sender, where it is a sender's).
    pub fn limits(&self, channel: Channel, tenant: TenantId, bucket: &BucketKey) -> LimitSet {
        let (own, kind) = match bucket {
            BucketKey::Global => (LimitTarget::Global, None),
            BucketKey::Tenant(tenant) => (LimitTarget::Tenant(*tenant), None),
            BucketKey::Domain(tenant, domain) => {
                (LimitTarget::Domain(*tenant, domain.clone()), Some(LimitTarget::Domains(*tenant)))
            }
            BucketKey::Sender(sender) => (LimitTarget::Sender(tenant, *sender), Some(LimitTarget::Senders(tenant))),
        };
        self.set(channel, &own)
            .or_else(|| kind.and_then(|kind| self.set(channel, &kind)))
            .cloned()
            .unwrap_or_else(|| Self::default_for(bucket.scope(), channel))
    }

    /// What somebody set for exactly this.
    pub fn set(&self, channel: Channel, target: &LimitTarget) -> Option<&LimitSet> {
        self.overrides.get(&(channel, target.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const TENANT: TenantId = TenantId(Uuid::from_u128(1));
    const SENDER: SenderId = SenderId(Uuid::from_u128(2));

    fn set(target: LimitTarget, limit: &str) -> LimitOverride {
        LimitOverride { target, channel: Channel::Email, limits: LimitSet::parse(&[limit]).expect("it reads") }
    }

    #[test]
    fn every_default_reads() {
        for (channel, scope) in Channel::ALL.into_iter().flat_map(|c| Scope::ALL.map(|s| (c, s))) {
            LimitBook::default_for(scope, channel);
        }
        assert_eq!(LimitBook::default_for(Scope::Sender, Channel::Email).texts(), ["20/min", "1000/h"]);
    }

    #[test]
    fn the_nearest_limit_holds() {
        let of = |book: &LimitBook| book.limits(Channel::Email, TENANT, &BucketKey::Sender(SENDER)).texts();
        assert_eq!(of(&LimitBook::default()), ["20/min", "1000/h"]);
        let all = set(LimitTarget::Senders(TENANT), "5/min");
        assert_eq!(of(&LimitBook::new([all.clone()])), ["5/min"]);
        assert_eq!(of(&LimitBook::new([all, set(LimitTarget::Sender(TENANT, SENDER), "7/min")])), ["7/min"]);
        let anothers = set(LimitTarget::Senders(TenantId(Uuid::from_u128(9))), "5/min");
        assert_eq!(of(&LimitBook::new([anothers])), ["20/min", "1000/h"]);
    }

    #[test]
    fn a_recipient_domain_has_no_days_quota() {
        let read = |target| LimitOverride::parse(target, Channel::Email, &["500/day"]).map(drop);
        assert_eq!(read(LimitTarget::Domains(TENANT)), Err(InvalidLimit::DomainQuota));
        assert_eq!(read(LimitTarget::Sender(TENANT, SENDER)), Ok(()));
    }

    #[test]
    fn targets_read_back_from_their_parts() {
        for target in [
            LimitTarget::Global,
            LimitTarget::Tenant(TENANT),
            LimitTarget::Domains(TENANT),
            LimitTarget::Domain(TENANT, "example.com".into()),
            LimitTarget::Senders(TENANT),
            LimitTarget::Sender(TENANT, SENDER),
        ] {
            let parts = LimitTarget::from_parts(target.scope(), target.tenant(), &target.key());
            assert_eq!(parts, Some(target));
        }
    }
}
