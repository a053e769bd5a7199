use anyhow::Context;
use domain::ids::TenantId;
use domain::limits::{Channel, Limit, LimitBook, LimitOverride, LimitTarget, Scope};

/// One `--limit`.
#[derive(Debug, Clone, PartialEq)]
pub struct GivenLimit {
    scope: Scope,
    /// A domain or a sender; empty for all.
    key: String,
    /// None: nothing limits it.
    limit: Option<String>,
}

impl GivenLimit {
    pub fn read(text: &str) -> Result<Self, String> {
        let (scope, limit) = text.split_once('=').ok_or("expected SCOPE=LIMIT, like sender=20/min")?;
        let (scope, key) = scope.split_once(':').unwrap_or((scope, ""));
        let scope = Scope::parse(scope).ok_or("a scope is one of sender, domain, tenant, global")?;
        let limit = (limit != "none").then(|| limit.to_owned());
        if let Some(limit) = &limit {
            limit.parse::<Limit>().map_err(|error| error.to_string())?;
        }
        Ok(Self { scope, key: key.to_ascii_lowercase(), limit })
    }

    /// The one domain that it is for.
    pub fn domain(&self) -> Option<&str> {
        Some(self.key.as_str()).filter(|key| self.scope == Scope::Domain && !key.is_empty())
    }
}

/// The limits that hold where some were given: those of one scope together take the place of its defaults.
pub fn limit_book(tenant: TenantId, given: &[GivenLimit]) -> anyhow::Result<LimitBook> {
    let mut targets: Vec<(LimitTarget, Vec<&str>)> = Vec::new();
    for GivenLimit { scope, key, limit } in given {
        let owner = (*scope != Scope::Global).then_some(tenant);
        let target = LimitTarget::from_parts(*scope, owner, key).with_context(|| {
            format!("--limit {scope}: only a domain or a sender (snd_…) has a name", scope = scope.as_str())
        })?;
        match targets.iter_mut().find(|(other, _)| *other == target) {
            Some((_, texts)) => texts.extend(limit.as_deref()),
            None => targets.push((target, limit.as_deref().into_iter().collect())),
        }
    }
    let set = targets.into_iter().map(|(target, texts)| {
        let scope = target.scope().as_str();
        LimitOverride::parse(target, Channel::Email, &texts).with_context(|| format!("--limit {scope}"))
    });
    Ok(LimitBook::new(set.collect::<anyhow::Result<Vec<_>>>()?))
}

#[cfg(test)]
mod tests {
    use domain::limits::BucketKey;
    use uuid::Uuid;

    use super::*;

    const TENANT: TenantId = TenantId(Uuid::nil());

    fn texts(given: &[&str], bucket: &BucketKey) -> anyhow::Result<Vec<String>> {
        let given: Result<Vec<_>, String> = given.iter().map(|text| GivenLimit::read(text)).collect();
        let book = limit_book(TENANT, &given.map_err(anyhow::Error::msg)?)?;
        Ok(book.limits(Channel::Email, TENANT, bucket).texts())
    }

    #[test]
    fn given_limits_take_the_place_of_a_scopes_defaults_together() -> anyhow::Result<()> {
        let (tenant, gmail) = (BucketKey::Tenant(TENANT), BucketKey::Domain(TENANT, "gmail.com".into()));
        assert_eq!(texts(&[], &tenant)?, ["5000/h", "10000/day"]);
        assert_eq!(texts(&["tenant=7/min,burst=2", "tenant=99/day"], &tenant)?, ["7/min,burst=2", "99/day"]);
        assert_eq!(texts(&["tenant=none"], &tenant)?, [""; 0]);
        assert_eq!(texts(&["domain:Gmail.com=5/h"], &gmail)?, ["5/h"]);
        assert_eq!(texts(&["domain=9/h"], &gmail)?, ["9/h"]);
        Ok(())
    }

    #[test]
    fn what_cannot_hold_is_told() {
        let any = BucketKey::Global;
        for given in
            [vec!["tenant:x=5/h"], vec!["sender:me=5/h"], vec!["domain=5/day"], vec!["sender=5/h", "sender=6/h"]]
        {
            assert!(texts(&given, &any).is_err(), "{given:?}");
        }
    }
}
