use super::KeyScope;

/// All that a key may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRights {
    /// Sorted, each once.
    scopes: Vec<KeyScope>,
    /// Also what concerns other tenants and the whole fleet.
    pub operator: bool,
}

impl KeyRights {
    pub fn new(scopes: impl IntoIterator<Item = KeyScope>, operator: bool) -> Self {
        let mut scopes: Vec<KeyScope> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        Self { scopes, operator }
    }

    /// Everything within one tenant.
    pub fn full() -> Self {
        Self::new(KeyScope::ALL, false)
    }

    pub fn operator() -> Self {
        Self::new(KeyScope::ALL, true)
    }

    pub fn allow(&self, scope: KeyScope) -> bool {
        self.scopes.contains(&scope)
    }

    /// Nobody makes a key that may do more than his own.
    pub fn may_give(&self, other: &Self) -> bool {
        (self.operator || !other.operator) && other.scopes.iter().all(|scope| self.allow(*scope))
    }

    pub fn scopes(&self) -> &[KeyScope] {
        &self.scopes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_gives_nothing_that_it_does_not_have() {
        let manager = KeyRights::new([KeyScope::Manage, KeyScope::Read], false);
        assert!(manager.may_give(&KeyRights::new([KeyScope::Read], false)));
        assert!(!manager.may_give(&KeyRights::full()));
        assert!(!KeyRights::full().may_give(&KeyRights::operator()));
        assert!(KeyRights::operator().may_give(&KeyRights::operator()));
    }
}
