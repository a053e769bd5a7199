use std::fmt;

use domain::ids::{SenderId, TenantId};

/// A sender within its tenant, as written on the bell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LaneName {
    pub tenant: TenantId,
    pub sender: SenderId,
}

impl fmt::Display for LaneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.sender)
    }
}

impl std::str::FromStr for LaneName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (tenant, sender) = text.split_once('/').ok_or(())?;
        Ok(Self { tenant: tenant.parse().map_err(drop)?, sender: sender.parse().map_err(drop)? })
    }
}

/// The waiting room of a recipient domain, as noted beside lanes that wait.
pub(crate) fn room_name(tenant: TenantId, domain: &str) -> String {
    format!("{tenant}/room:{domain}")
}

pub(crate) fn parse_room(name: &str) -> Option<(TenantId, Box<str>)> {
    let (tenant, domain) = name.split_once("/room:")?;
    Some((tenant.parse().ok()?, domain.into()))
}
