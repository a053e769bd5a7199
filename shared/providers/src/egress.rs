//! Which addresses a tenant's SMTP host may resolve to.
//!
//! A host name is a stranger's input: without this it could be our own Postgres. The address that was checked is the
//! address that is connected to, so a name that changes its answer gains nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::lookup_host;

/// The public Internet, and what the operator names beside it.
#[derive(Debug, Clone, Default)]
pub struct Egress {
    allowed: Vec<Network>,
}

#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    #[error("the host name does not resolve")]
    Unresolved(#[source] std::io::Error),
    #[error("the host is in a private network, which the operator has not allowed")]
    Forbidden,
    #[error("{0:?} is not a network like 10.1.0.0/16")]
    Malformed(String),
}

#[derive(Debug, Clone, Copy)]
struct Network {
    base: IpAddr,
    prefix: u8,
}

impl Egress {
    pub fn allowing(networks: &[String]) -> Result<Self, EgressError> {
        let allowed = networks.iter().map(|text| Network::parse(text.trim())).collect::<Result<_, _>>()?;
        Ok(Self { allowed })
    }

    /// The first allowed address of a host, looked up once.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<SocketAddr, EgressError> {
        let found: Vec<SocketAddr> = lookup_host((host, port)).await.map_err(EgressError::Unresolved)?.collect();
        found.into_iter().find(|address| self.allows(address.ip())).ok_or(EgressError::Forbidden)
    }

    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.allowed.iter().any(|network| network.contains(address))
    }
}

impl Network {
    fn parse(text: &str) -> Result<Self, EgressError> {
        let malformed = || EgressError::Malformed(text.to_owned());
        let (base, prefix) = text.split_once('/').ok_or_else(malformed)?;
        let base: IpAddr = base.parse().map_err(|_| malformed())?;
        let prefix: u8 = prefix.parse().map_err(|_| malformed())?;
        let bits = if base.is_ipv4() { 32 } else { 128 };
        if prefix > bits { Err(malformed()) } else { Ok(Self { base, prefix }) }
    }

    fn contains(self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                same_prefix(base.to_bits().into(), address.to_bits().into(), 32, self.prefix)
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => same_prefix(base.to_bits(), address.to_bits(), 128, self.prefix),
            _ => false,
        }
    }
}

fn same_prefix(base: u128, address: u128, bits: u8, prefix: u8) -> bool {
    let shift = u32::from(bits - prefix);
    base.checked_shr(shift).unwrap_or(0) == address.checked_shr(shift).unwrap_or(0)
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19)))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // Global unicast only, less what tunnels to a v4 address or is set aside for documentation and benchmarks.
    (segments[0] & 0xe000) == 0x2000
        && segments[0] != 0x2002
        && !(segments[0] == 0x2001 && (segments[1] < 0x0200 || segments[1] == 0x0db8))
        && segments[0] != 0x3fff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_our_own_network_is_reachable_by_default() {
        let egress = Egress::default();
        for text in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "fe80::1",
            "fc00::1",
            "fd00::1",
            "ff02::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "5f00::1",
        ] {
            assert!(!egress.allows(text.parse().expect("an address")), "{text}");
        }
        for text in ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450::1"] {
            assert!(egress.allows(text.parse().expect("an address")), "{text}");
        }
    }

    #[test]
    fn an_operator_can_name_networks() {
        let egress = Egress::allowing(&["10.1.0.0/16".into(), "::1/128".into()]).expect("well-formed");
        for (text, allowed) in [("10.1.2.3", true), ("10.2.0.1", false), ("::1", true), ("127.0.0.1", false)] {
            assert_eq!(egress.allows(text.parse().expect("an address")), allowed, "{text}");
        }
        for text in ["10.1.0.0", "10.1.0.0/33", "x/8", "::1/129"] {
            assert!(Egress::allowing(&[text.into()]).is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_home_is_refused() {
        for host in ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::1]", "::1"] {
            assert!(Egress::default().resolve(host, 25).await.is_err(), "{host}");
        }
    }
}
