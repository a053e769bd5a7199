use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{SenderId, TenantId};

/// What kind of thing a limit holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    Global,
    Tenant,
    /// A recipient domain, for each tenant apart.
    Domain,
    Sender,
}

impl Scope {
    pub const ALL: [Self; 4] = [Self::Global, Self::Tenant, Self::Domain, Self::Sender];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Tenant => "tenant",
            Self::Domain => "domain",
            Self::Sender => "sender",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// By which way a message goes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    #[default]
    Email,
    Sms,
}

impl Channel {
    pub const ALL: [Self; 2] = [Self::Email, Self::Sms];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == text)
    }
}

/// One bucket: everything that shares it is counted together, over the whole fleet.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BucketKey {
    Global,
    Tenant(TenantId),
    Domain(TenantId, Box<str>),
    Sender(SenderId),
}

impl BucketKey {
    pub fn scope(&self) -> Scope {
        match self {
            Self::Global => Scope::Global,
            Self::Tenant(_) => Scope::Tenant,
            Self::Domain(..) => Scope::Domain,
            Self::Sender(_) => Scope::Sender,
        }
    }

    /// What the scope's owner calls it: the tenant, the domain, the sender. Nothing for the whole fleet.
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Global => None,
            Self::Tenant(tenant) => Some(tenant.to_string()),
            Self::Domain(_, domain) => Some(domain.to_string()),
            Self::Sender(sender) => Some(sender.to_string()),
        }
    }
}

impl fmt::Display for BucketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global => f.write_str("global"),
            Self::Tenant(tenant) => write!(f, "tenant:{tenant}"),
            Self::Domain(tenant, domain) => write!(f, "domain:{tenant}:{domain}"),
            Self::Sender(sender) => write!(f, "sender:{sender}"),
        }
    }
}
